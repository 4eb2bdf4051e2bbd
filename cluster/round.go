package cluster

import (
	"context"
	"errors"
)

// submission is an encoded command on its way to a decision.
type submission struct {
	index      int
	command    []byte
	repeatable bool
	unknown    bool // some attempt may have been applied
}

// round is commands that were proposed together. Those that may be tried again
// go into the next attempt together.
type round struct {
	cluster *Cluster
	shard   *shard
	decided func([]Outcome)

	open []submission // of the next attempt
	over []Outcome    // decided, and not yet told
}

// run tries until all commands are decided.
func (r *round) run(ctx context.Context) {
	c := r.cluster
	for wait := minRetryPause; len(r.open) > 0; wait = min(2*wait, maxRetryPause) {
		leader, moved, err := c.waitLeader(ctx, r.shard)
		if err != nil {
			r.giveUp(err)
			return
		}
		r.attempt(ctx, leader, moved)
		if len(r.open) == 0 || pause(ctx, moved, wait) {
			continue
		}
		if ctx.Err() != nil {
			r.giveUp(ErrUnavailable)
		} else if c.stopped.Err() != nil {
			r.giveUp(ErrStopped)
		}
	}
}

// attempt has one leader propose the open commands, once. When another node
// leads and that changes, commands that may be tried again are not waited for:
// a leader that is cut off may never answer, and the next one will.
func (r *round) attempt(ctx context.Context, leader uint64, moved <-chan struct{}) {
	open := r.open
	r.open = nil
	if leader == r.shard.replica {
		r.local(ctx, open)
		return
	}
	var group *forwardGroup
	err := errNotApplied // its record has not come here yet
	if p := r.cluster.peerOf(leader); p != nil {
		group, err = p.calls.propose(ctx, r.shard.id, open, moved)
	}
	for i, p := range open {
		if err != nil {
			r.settle(p, Outcome{Err: err})
		} else {
			r.settle(p, Outcome{Result: group.calls[i].result, Err: group.calls[i].err})
		}
	}
	r.tell()
}

// local puts the commands into this node's batcher and tells of each batch as
// it is decided.
func (r *round) local(ctx context.Context, open []submission) {
	b := r.shard.batcher
	commands := make([][]byte, len(open))
	for i, p := range open {
		commands[i] = p.command
	}
	places, err := b.submit(make([]place, 0, len(open)), commands...)
	if err != nil {
		for _, p := range open {
			r.settle(p, Outcome{Err: err})
		}
		r.tell()
		return
	}
	for i, p := range open {
		if i > 0 && places[i].batch != places[i-1].batch {
			r.tell()
		}
		result, err := b.wait(ctx, places[i])
		r.settle(p, Outcome{Result: result, Err: err})
	}
	r.tell()
}

// settle keeps a command for the next attempt if that may help, and is safe.
func (r *round) settle(p submission, o Outcome) {
	switch {
	case errors.Is(o.Err, errNotApplied):
		r.open = append(r.open, p)
		return
	case errors.Is(o.Err, ErrOutcomeUnknown) && p.repeatable:
		p.unknown = true
		r.open = append(r.open, p)
		return
	case o.Err != nil && p.unknown:
		o.Err = ErrOutcomeUnknown
	}
	o.Index = p.index
	r.over = append(r.over, o)
}

// giveUp ends the commands that are still open.
func (r *round) giveUp(err error) {
	for _, p := range r.open {
		o := Outcome{Index: p.index, Err: err}
		if p.unknown {
			o.Err = ErrOutcomeUnknown
		}
		r.over = append(r.over, o)
	}
	r.open = nil
	r.tell()
}

// tell reports what is decided.
func (r *round) tell() {
	if len(r.over) > 0 {
		r.decided(r.over)
		r.over = r.over[:0]
	}
}
