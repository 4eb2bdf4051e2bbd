package etcdv2

import (
	"context"
	"path"

	logv1 "github.com/conclavehq/conclave/proto/gen/conclave/log/v1"
)

// remove chooses what a DELETE means.
func (s *space) remove(req *request) *change {
	c := &change{space: s, req: req}
	c.plan = c.planDelete
	if req.compares() {
		c.plan = c.planCompareAndDelete
	}
	c.also = neighbours(req.path)
	return c
}

// planDelete deletes a file, an empty directory, or a directory with everything
// in it.
func (c *change) planDelete(ctx context.Context, v *view) (*plan, error) {
	if v.at.path == root {
		return nil, fail(codeRootReadOnly, root, v.revision)
	}
	if missing := v.resolve(); missing != nil {
		return nil, missing
	}
	if v.at.isDir() {
		return c.planDeleteDir(ctx, v)
	}
	p := &plan{compares: []*logv1.Compare{v.vacant()}}
	return p, c.erase(ctx, p, v, actionDelete)
}

// planCompareAndDelete deletes a file if it is what the caller thinks.
func (c *change) planCompareAndDelete(ctx context.Context, v *view) (*plan, error) {
	same, err := c.planCompare(v)
	if err != nil {
		return nil, err
	}
	p := &plan{compares: same}
	return p, c.erase(ctx, p, v, actionCompareAndDelete)
}

// erase adds to a plan that it deletes the file, and what it answers.
func (c *change) erase(ctx context.Context, p *plan, v *view, action string) error {
	p.compares = append(p.compares, exists(v.at.path))
	p.ops = append(p.ops, deleteOp(v.at.path, "", true))
	p.answer = func(ctx context.Context, index int64, results []*logv1.TxnOpResult) (*event, error) {
		previous, err := c.before(ctx, v.at.path, head(results[0].GetDeleteRange().GetPrevious()))
		if err != nil {
			return nil, err
		}
		return &event{Action: action, Node: previous.gone(index), PrevNode: previous}, nil
	}
	return c.keepParent(ctx, p, v)
}

// planDeleteDir deletes a directory.
func (c *change) planDeleteDir(ctx context.Context, v *view) (*plan, error) {
	from, end := dirStart(v.at.path), dirEnd(v.at.path)
	p := &plan{compares: []*logv1.Compare{remains(v.at.inside[0])}}
	switch {
	case c.req.recursive:
	case !c.req.dir:
		return nil, v.fault(codeNotFile)
	case !v.at.empty():
		return nil, v.fault(codeDirNotEmpty)
	default:
		p.compares = append(p.compares, nothing(after(from), end))
	}
	if !c.blind { // which leases go with it
		p.ops = append(p.ops, rangeOp(&logv1.Range{Key: []byte(from), RangeEnd: []byte(end), KeysOnly: true}))
	}
	// The key of the same name, too, if the v3 API has made one.
	p.ops = append(p.ops, deleteOp(from, end, false), deleteOp(v.at.path, "", false))
	p.answer = func(ctx context.Context, index int64, results []*logv1.TxnOpResult) (*event, error) {
		first, lease := v.at.inside[0], v.at.mark().GetLeaseId()
		expires, err := c.ends(ctx, lease, v.at.path)
		if err != nil {
			return nil, err
		}
		for _, kv := range results[0].GetRange().GetKvs() {
			c.replaced = append(c.replaced, kv.GetLeaseId())
		}
		previous := directory(v.at.path, first, expires)
		return &event{Action: actionDelete, Node: previous.gone(index), PrevNode: previous}, nil
	}
	return p, c.keepParent(ctx, p, v)
}

// neighbours are where else something can be in the directory of a path. A
// directory that a delete leaves empty gets a mark, so that it stays.
func neighbours(p string) []*logv1.Range {
	dir := path.Dir(p)
	if dir == root {
		return nil
	}
	var all []*logv1.Range
	for _, r := range beside(p) {
		all = append(all, first(1, r[0], r[1]))
	}
	return all
}

// beside are the ranges of what is in the directory of a path, without the path
// and what is below it. The first begins with the directory's mark.
func beside(p string) [][2]string {
	dir := path.Dir(p)
	return [][2]string{{dirStart(dir), p}, {after(p), dirStart(p)}, {dirEnd(p), dirEnd(dir)}}
}

// keepParent adds to a plan that the directory of what it deletes stays.
func (c *change) keepParent(ctx context.Context, p *plan, v *view) error {
	dir := path.Dir(v.at.path)
	if dir == root {
		return nil
	}
	for _, neighbour := range v.also {
		if neighbour != nil {
			p.compares = append(p.compares, remains(neighbour))
			return nil
		}
	}
	outer, err := c.outerTerm(ctx, v)
	if err != nil {
		return err
	}
	c.used = outer.GetLeaseId()
	p.compares = append(p.compares, v.terms()...)
	for _, r := range beside(v.at.path) {
		p.compares = append(p.compares, nothing(r[0], r[1]))
	}
	p.ops = append(p.ops, putOp(&logv1.Put{Key: []byte(dirStart(dir)), LeaseId: c.used}))
	return nil
}
