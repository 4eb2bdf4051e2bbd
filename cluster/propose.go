package cluster

import (
	"context"
	"slices"
	"time"

	"github.com/lni/dragonboat/v4/raftio"

	"github.com/conclavehq/conclave/internal/planted"
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
	var only Outcome
	c.ProposeAll(ctx, shard, []*logv1.Command{cmd}, func(decided []Outcome) { only = decided[0] })
	return only.Result, only.Err
}

// Outcome is what became of one of many commands.
type Outcome struct {
	// Index is the command's place among those that were proposed together.
	Index  int
	Result *logv1.Result
	Err    error
}

// ProposeAll does with each of many commands what Propose does, at the cost of
// hardly more than one. It calls decided, in this goroutine, whenever some are
// decided, those that were applied together with one call, and returns when all
// are. The slice is only lent. Commands that went into the log together keep
// their order, others may change it.
func (c *Cluster) ProposeAll(ctx context.Context, shard uint64, cmds []*logv1.Command, decided func([]Outcome)) {
	ctx, cancel := c.bounded(ctx)
	defer cancel()
	r := round{cluster: c, shard: c.shards[shard], decided: decided}
	if planted.Bug == planted.CompareBeforeApply {
		cmds = c.comparedEarly(ctx, shard, cmds)
	}
	size := 0
	for _, cmd := range cmds {
		size += cmd.SizeVT()
	}
	encoded := make([]byte, size)
	r.open = make([]submission, 0, len(cmds))
	for i, cmd := range cmds {
		n, err := cmd.MarshalToVT(encoded)
		command := encoded[:n:n]
		encoded = encoded[n:]
		switch {
		case r.shard == nil:
			err = ErrNoShard
		case err == nil && n > maxCommandBytes:
			err = ErrTooLarge
		case err == nil:
			err = c.knownToAll(cmd)
		}
		if err != nil {
			r.over = append(r.over, Outcome{Index: i, Err: err})
			continue
		}
		r.open = append(r.open, submission{index: i, command: command, repeatable: cmd.GetRequestId() != nil})
	}
	r.tell()
	r.run(ctx)
}

// comparedEarly is mutant_14 (transactions checked outside of the apply loop, as in
// the first Redis-Raft): the compares of a transaction are decided by a read before
// it is proposed, and two of them overwrite each other.
func (c *Cluster) comparedEarly(ctx context.Context, shard uint64, cmds []*logv1.Command) []*logv1.Command {
	early := slices.Clone(cmds)
	for i, cmd := range cmds {
		txn := cmd.GetTxn()
		if len(txn.GetCompares()) == 0 {
			continue
		}
		answer, err := c.Query(ctx, shard, ReadOptions{}, &logv1.Query{
			NamespaceId: cmd.GetNamespaceId(),
			Body:        &logv1.Query_ReadTxn{ReadTxn: &logv1.Txn{Compares: txn.GetCompares()}},
		})
		if err != nil || answer.GetReadTxn() == nil {
			continue
		}
		decided := &logv1.Txn{Guards: txn.GetGuards(), Success: txn.GetSuccess(), Failure: txn.GetFailure()}
		if !answer.GetReadTxn().GetSucceeded() {
			decided.Compares = []*logv1.Compare{{ // never holds
				Key: []byte{0}, Target: logv1.CompareTarget_COMPARE_TARGET_VERSION,
				Operator: logv1.CompareOperator_COMPARE_OPERATOR_LESS,
			}}
		}
		early[i] = &logv1.Command{NamespaceId: cmd.GetNamespaceId(), RequestId: cmd.GetRequestId(), Body: &logv1.Command_Txn{Txn: decided}}
	}
	return early
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
	var only *logv1.Answer
	err := c.QueryAll(ctx, shard, opts, []*logv1.Query{q}, func(_ int, answer *logv1.Answer) { only = answer })
	return only, err
}

// QueryAll answers many questions from this node's replica, all from the same
// moment, at the cost of one wait for it. It calls answered in this goroutine,
// in order. An error is that of the questions that were not answered.
func (c *Cluster) QueryAll(ctx context.Context, shard uint64, opts ReadOptions, queries []*logv1.Query,
	answered func(i int, answer *logv1.Answer)) error {
	s := c.shards[shard]
	if s == nil {
		return ErrNoShard
	}
	ctx, cancel := ctx, func() {}
	if !opts.Serializable || opts.MinIndex > s.machine.Applied() { // it may have to wait
		ctx, cancel = c.bounded(ctx)
	}
	defer cancel()
	err := s.query(ctx, opts, queries, answered)
	if err != nil && c.stopped.Err() != nil {
		err = ErrStopped
	}
	return err
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
