package etcdv2

import (
	"context"
	"errors"

	logv1 "github.com/conclavehq/conclave/proto/gen/conclave/log/v1"
)

// plan is a transaction that does what a request asks for if what was seen still
// holds, and the answer for then.
type plan struct {
	compares []*logv1.Compare
	ops      []*logv1.TxnOp
	// answer makes the answer. Leases that it finds replaced it adds to the
	// change's.
	answer func(ctx context.Context, index int64, results []*logv1.TxnOpResult) (*event, error)
}

// change carries a request out that changes something.
type change struct {
	*space
	req *request
	// also are further ranges that the plan has to see a key of.
	also []*logv1.Range
	// plan plans on what was seen. A fault as its error refuses the request.
	plan func(ctx context.Context, v *view) (*plan, error)
	// sure says that the first view has to be linearizable already.
	sure bool
	// attempt counts the plans that were overtaken.
	attempt int

	// blind leaves out what a delete has to find for the sake of leases alone.
	blind bool

	// granted is the lease of the request's own TTL, once there is one, and used
	// the one that the plan puts.
	granted, used int64
	// replaced are leases that nothing may be left of.
	replaced []int64
}

// run makes plans until one is carried out or the request is refused.
func (c *change) run(ctx context.Context) (*event, int64, error) {
	answer, index, err := c.attempts(ctx)
	var refused *fault
	switch {
	case errors.As(err, &refused), err == nil && c.granted != c.used:
		c.retire(ctx, append(c.replaced, c.granted)...)
	case err == nil:
		c.retire(ctx, c.replaced...)
	}
	return answer, index, err
}

func (c *change) attempts(ctx context.Context) (*event, int64, error) {
	how, sure := local, c.sure
	if sure {
		how = linearizable
	}
	for ; ctx.Err() == nil; c.attempt++ {
		v, err := c.look(ctx, how, c.req.path, c.also...)
		if err != nil {
			return nil, 0, err
		}
		made, err := c.plan(ctx, v)
		var fault *fault
		if errors.As(err, &fault) && !sure {
			how, sure = linearizable, true // nobody is refused on an old view
			continue
		}
		if err != nil {
			return nil, 0, err
		}
		answer, index, done, err := c.carryOut(ctx, made)
		if done || err != nil {
			return answer, index, err
		}
		how, sure = c.seen(), true
	}
	return nil, 0, ctx.Err()
}

// carryOut proposes a plan; done is false when it was overtaken.
func (c *change) carryOut(ctx context.Context, made *plan) (_ *event, index int64, done bool, err error) {
	result, err := c.propose(ctx, &logv1.Command{Body: &logv1.Command_Txn{
		Txn: &logv1.Txn{Compares: made.compares, Success: made.ops},
	}})
	c.index = max(c.index, result.GetIndex())
	if refusedFor(err, logv1.Reason_REASON_LEASE_NOT_FOUND) {
		// A lease ended between the plan and here: that of a directory, which is
		// gone with it, or a very short one of the request's own.
		clear(c.leases)
		if c.used == c.granted {
			c.granted = 0
		}
		return nil, 0, false, nil
	}
	if refusedFor(err, logv1.Reason_REASON_TOO_MANY) && !c.blind {
		c.blind = true // the leases end by themselves
		return nil, 0, false, nil
	}
	if err != nil || !result.GetTxn().GetSucceeded() {
		return nil, 0, false, err
	}
	answer, err := made.answer(ctx, result.GetRevision(), result.GetTxn().GetResults())
	return answer, result.GetRevision(), true, err
}

// entry compares what a plan relies on that makes something at the path: that the
// directories on the way are none that are files, and end when they did.
func (v *view) entry() []*logv1.Compare {
	var compares []*logv1.Compare
	for _, dir := range v.above {
		if dir.file == nil {
			compares = append(compares, absent(dir.path))
		} else { // a key that is a directory, too: as long as something is in it
			compares = append(compares, remains(dir.inside[0]))
		}
	}
	return append(compares, v.terms()...)
}

// terms compares the leases of the directories on the way.
func (v *view) terms() []*logv1.Compare {
	var compares []*logv1.Compare
	for _, dir := range v.above {
		compares = append(compares, leased(dirStart(dir.path), dir.mark().GetLeaseId()))
	}
	return compares
}

// vacant compares that nothing is below the path.
func (v *view) vacant() *logv1.Compare {
	return nothing(dirStart(v.at.path), dirEnd(v.at.path))
}

// term chooses the lease for what is put at the path: that of the request's own
// TTL, or of the directory above that ends first.
func (c *change) term(ctx context.Context, v *view, what deed) (int64, error) {
	outer, err := c.outerTerm(ctx, v)
	if err != nil {
		return 0, err
	}
	c.used = outer.GetLeaseId()
	if c.req.ttl == nil {
		return c.used, nil
	}
	own := lifetime(*c.req.ttl)
	if outer != nil && outer.GetRemainingMs() <= own.Milliseconds() {
		return c.used, nil
	}
	if c.granted == 0 {
		if c.granted, err = c.grant(ctx, v.at.path, what, own); err != nil {
			return 0, err
		}
	}
	c.used = c.granted
	return c.used, nil
}

// outerTerm is the lease of the directory above the path that ends first; nil if
// none does.
func (c *change) outerTerm(ctx context.Context, v *view) (outer *logv1.LeaseInfo, err error) {
	for _, dir := range v.above {
		id := dir.mark().GetLeaseId()
		if id == 0 {
			continue
		}
		info, err := c.lease(ctx, id, false)
		if err != nil {
			return nil, err
		}
		if info != nil && (outer == nil || info.GetRemainingMs() < outer.GetRemainingMs()) {
			outer = info
		}
	}
	return outer, nil
}
