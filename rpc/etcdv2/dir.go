package etcdv2

import (
	"context"

	logv1 "github.com/conclavehq/conclave/proto/gen/conclave/log/v1"
)

// makeDir plans a directory where none is. A file there goes.
func (c *change) makeDir(ctx context.Context, v *view, action string, what deed) (*plan, error) {
	lease, err := c.term(ctx, v, what)
	if err != nil {
		return nil, err
	}
	p := &plan{
		compares: append(v.entry(), v.vacant()),
		ops: []*logv1.TxnOp{
			deleteOp(v.at.path, "", true),
			putOp(&logv1.Put{Key: []byte(dirStart(v.at.path)), LeaseId: lease}),
		},
	}
	p.answer = func(ctx context.Context, index int64, results []*logv1.TxnOpResult) (*event, error) {
		end, err := c.ends(ctx, lease, v.at.path)
		if err != nil {
			return nil, err
		}
		e := &event{Action: action, Node: &node{Key: v.at.path, Dir: true, ModifiedIndex: index, CreatedIndex: index}}
		e.Node.until(end)
		if previous := head(results[0].GetDeleteRange().GetPrevious()); previous != nil {
			e.PrevNode, err = c.before(ctx, v.at.path, previous)
		}
		return e, err
	}
	return p, nil
}

// planTerm gives a directory another TTL, or none. What is in it follows: it gets
// the directory's new lease instead of the old one, or of one that is longer.
func (c *change) planTerm(ctx context.Context, v *view) (*plan, error) {
	from, end := dirStart(v.at.path), dirEnd(v.at.path)
	lease, err := c.term(ctx, v, deedUpdateDir)
	if err != nil {
		return nil, err
	}
	inside, err := c.ask(ctx, c.seen(), rangeQuery(&logv1.Range{Key: []byte(from), RangeEnd: []byte(end), KeysOnly: true}))
	if err != nil {
		return nil, err
	}
	p := &plan{
		compares: append(v.terms(), remains(v.at.inside[0]), leased(from, v.at.mark().GetLeaseId()),
			unwritten(from, end, inside.GetRevision())),
		ops: []*logv1.TxnOp{putOp(&logv1.Put{Key: []byte(from), LeaseId: lease})},
	}
	before := v.at.mark().GetLeaseId()
	for _, kv := range inside.GetRange().GetKvs() {
		if string(kv.GetKey()) == from {
			continue
		}
		follows, err := c.follows(ctx, kv.GetLeaseId(), before, lease)
		if err != nil {
			return nil, err
		}
		if follows {
			p.ops = append(p.ops, putOp(&logv1.Put{Key: kv.GetKey(), IgnoreValue: true, LeaseId: lease}))
			c.replaced = append(c.replaced, kv.GetLeaseId())
		}
	}
	p.answer = func(ctx context.Context, index int64, _ []*logv1.TxnOpResult) (*event, error) {
		was, err := c.ends(ctx, before, v.at.path)
		if err != nil {
			return nil, err
		}
		c.replaced = append(c.replaced, before)
		expires, err := c.ends(ctx, lease, v.at.path)
		previous := directory(v.at.path, v.at.inside[0], was)
		now := &node{Key: v.at.path, Dir: true, ModifiedIndex: index, CreatedIndex: previous.CreatedIndex}
		now.until(expires)
		return &event{Action: actionUpdate, Node: now, PrevNode: previous}, err
	}
	return p, nil
}

// follows says whether a key in a directory changes its lease with the directory:
// one that ends with it, and one that would outlive it.
func (c *change) follows(ctx context.Context, lease, before, now int64) (bool, error) {
	switch {
	case lease == now:
		return false, nil
	case lease == before || lease == 0:
		return true, nil
	case now == 0:
		return false, nil
	}
	own, err := c.lease(ctx, lease, false)
	if err != nil || own == nil {
		return false, err
	}
	outer, err := c.lease(ctx, now, false)
	return own.GetRemainingMs() > outer.GetRemainingMs(), err
}
