package cluster

import (
	"context"
	"errors"
	"time"

	"github.com/lni/dragonboat/v4/raftio"

	logv1 "github.com/conclavehq/conclave/proto/gen/conclave/log/v1"
)

// The pause before a command is tried again, which doubles each time. A change
// of leader ends it early.
const (
	minRetryPause = 5 * time.Millisecond
	maxRetryPause = 200 * time.Millisecond
)

// Propose has a command applied and returns its result; a refusal by a rule is
// a result. On whichever node it is called, the command goes into a batch of
// the shard's leader. It is tried again until ctx ends as long as that is safe:
// when it certainly was not applied, or when it has a request id, so that
// applying it again gives the first answer (promise D5).
func (c *Cluster) Propose(ctx context.Context, shard uint64, cmd *logv1.Command) (*logv1.Result, error) {
	s := c.shards[shard]
	if s == nil {
		return nil, ErrNoShard
	}
	if err := c.knownToAll(cmd); err != nil {
		return nil, err
	}
	ctx, cancel := c.bounded(ctx)
	defer cancel()
	command, err := cmd.MarshalVT()
	if err != nil {
		return nil, err
	}
	if len(command) > maxCommandBytes {
		return nil, ErrTooLarge
	}
	return c.proposeUntil(ctx, s, command, cmd.GetRequestId() != nil)
}

// proposeUntil tries until the command is applied, trying again is not safe, or
// ctx ends.
func (c *Cluster) proposeUntil(ctx context.Context, s *shard, command []byte, repeatable bool) (*logv1.Result, error) {
	unknown := false // some attempt may have been applied
	giveUp := func(err error) error {
		if unknown {
			return ErrOutcomeUnknown
		}
		return err
	}
	for wait := minRetryPause; ; wait = min(2*wait, maxRetryPause) {
		leader, moved, err := c.waitLeader(ctx, s)
		if err != nil {
			return nil, giveUp(err)
		}
		var lost <-chan struct{}
		if repeatable {
			lost = moved // a leader that is cut off may never answer; the next one will
		}
		result, err := c.proposeTo(ctx, s, leader, command, lost)
		switch {
		case err == nil:
			return result, nil
		case errors.Is(err, errNotApplied):
		case errors.Is(err, ErrOutcomeUnknown):
			unknown = true
			if !repeatable {
				return nil, err
			}
		default:
			return nil, giveUp(err)
		}
		if !pause(ctx, moved, wait) {
			if ctx.Err() != nil {
				return nil, giveUp(ErrUnavailable)
			}
			if c.stopped.Err() != nil {
				return nil, giveUp(ErrStopped)
			}
		}
	}
}

// proposeTo has one leader propose the command, once. When another node leads,
// lost ends the wait for it.
func (c *Cluster) proposeTo(ctx context.Context, s *shard, leader uint64, command []byte,
	lost <-chan struct{}) (*logv1.Result, error) {
	if leader == s.replica {
		places, err := s.batcher.submit(nil, command)
		if err != nil {
			return nil, err
		}
		return s.batcher.wait(ctx, places[0])
	}
	p := c.peerOf(leader)
	if p == nil {
		return nil, errNotApplied // its record has not come here yet
	}
	return p.calls.propose(ctx, s.id, command, lost)
}

// waitLeader waits until the shard has a leader. moved is closed when it has
// another one.
func (c *Cluster) waitLeader(ctx context.Context, s *shard) (leader uint64, moved <-chan struct{}, err error) {
	for {
		info, moved := s.leader()
		switch {
		case c.stopped.Err() != nil:
			return 0, nil, ErrStopped
		case ctx.Err() != nil:
			return 0, nil, ErrUnavailable
		case info.LeaderID != raftio.NoLeader:
			return info.LeaderID, moved, nil
		}
		select {
		case <-moved:
		case <-c.stopped.Done():
		case <-ctx.Done():
			return 0, nil, ErrNoLeader
		}
	}
}

// Query answers a question from this node's replica.
func (c *Cluster) Query(ctx context.Context, shard uint64, opts ReadOptions, q *logv1.Query) (*logv1.Answer, error) {
	s := c.shards[shard]
	if s == nil {
		return nil, ErrNoShard
	}
	ctx, cancel := ctx, func() {}
	if !opts.Serializable || opts.MinIndex > s.machine.Applied() { // it may have to wait
		ctx, cancel = c.bounded(ctx)
	}
	defer cancel()
	answer, err := s.query(ctx, opts, q)
	if err != nil && c.stopped.Err() != nil {
		err = ErrStopped
	}
	return answer, err
}

// callTimeout ends calls whose context has no deadline.
const callTimeout = 10 * time.Second

// bounded gives a context that has no deadline the standard one.
func (c *Cluster) bounded(ctx context.Context) (context.Context, context.CancelFunc) {
	if _, ok := ctx.Deadline(); ok {
		return ctx, func() {}
	}
	return context.WithTimeout(ctx, callTimeout)
}
