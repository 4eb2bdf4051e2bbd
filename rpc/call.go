package rpc

import (
	"context"
	"errors"

	"connectrpc.com/connect"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/conclavehq/conclave/cluster"
	logv1 "github.com/conclavehq/conclave/proto/gen/conclave/log/v1"
	conclavev1 "github.com/conclavehq/conclave/proto/gen/conclave/v1"
)

// linearizable is how everything is read unless the caller says otherwise.
var linearizable = cluster.ReadOptions{}

// local reads what this node has applied.
var local = cluster.ReadOptions{Serializable: true}

// core is what all handlers stand on.
type core struct {
	cluster Cluster
	// draining ends when the server drains.
	draining context.Context
	leaders  *leaders
	// waits counts the calls that wait now.
	waits   prometheus.Gauge
	budgets budgets
	// encodings are what all streams of watches share.
	encodings encodings
}

// mutation is the part that all mutating requests share.
type mutation interface {
	GetNamespace() string
	GetRequestId() *conclavev1.RequestId
}

// validated looks at a mutating request.
func validated(req mutation, look func(c *check)) error {
	var c check
	c.namespace(req.GetNamespace())
	c.requestID(req.GetRequestId())
	look(&c)
	return c.done()
}

// asked looks at a reading request.
func asked(req interface{ GetNamespace() string }, look func(c *check)) error {
	var c check
	c.namespace(req.GetNamespace())
	look(&c)
	return c.done()
}

// propose has a command applied in the request's namespace. A refusal is an
// error.
func (s *core) propose(ctx context.Context, req mutation, cmd *logv1.Command) (*logv1.Result, cluster.Namespace, error) {
	where, err := s.cluster.Namespace(ctx, req.GetNamespace())
	if err != nil {
		return nil, where, unanswered(ctx, err)
	}
	cmd.NamespaceId = where.ID
	cmd.RequestId = requestID(req.GetRequestId())
	result, err := s.cluster.Propose(ctx, where.Shard, cmd)
	result, err = decided(ctx, result, err)
	return result, where, err
}

// decided is what became of a proposed command. A refusal is an error.
func decided(ctx context.Context, result *logv1.Result, err error) (*logv1.Result, error) {
	if err != nil {
		return nil, undecided(ctx, err)
	}
	if refusal := result.GetRefusal(); refusal != nil {
		return nil, &cluster.RefusedError{Refusal: refusal}
	}
	return result, nil
}

// query asks a question of the request's namespace. A refusal is an error.
func (s *core) query(ctx context.Context, namespace string, read cluster.ReadOptions, q *logv1.Query) (*logv1.Answer, error) {
	where, err := s.cluster.Namespace(ctx, namespace)
	if err != nil {
		return nil, unanswered(ctx, err)
	}
	return s.ask(ctx, where, read, q)
}

// ask is query in a namespace that is found already.
func (s *core) ask(ctx context.Context, where cluster.Namespace, read cluster.ReadOptions, q *logv1.Query) (*logv1.Answer, error) {
	q.NamespaceId = where.ID
	answer, err := s.cluster.Query(ctx, where.Shard, read, q)
	return told(ctx, answer, err)
}

// told is the answer to a question. A refusal is an error.
func told(ctx context.Context, answer *logv1.Answer, err error) (*logv1.Answer, error) {
	if err != nil {
		return nil, unanswered(ctx, err)
	}
	if refusal := answer.GetRefusal(); refusal != nil {
		return nil, &cluster.RefusedError{Refusal: refusal}
	}
	return answer, nil
}

// waiting is the context of a wait. The caller must call done.
func (s *core) waiting(ctx context.Context) (_ context.Context, done func()) {
	ctx, end := s.untilDrained(ctx)
	s.waits.Inc()
	return ctx, func() {
		s.waits.Dec()
		end()
	}
}

// untilDrained is a context that ends when the server drains, too.
func (s *core) untilDrained(ctx context.Context) (_ context.Context, done func()) {
	return endedWith(ctx, s.draining, errDraining)
}

// sentAway is why the server ended a wait or a stream; nil if it did not.
func sentAway(ctx context.Context) error {
	cause := context.Cause(ctx)
	if errors.Is(cause, errDraining) || errors.Is(cause, errLeaderless) {
		return cause
	}
	return nil
}

// unanswered prefers the cause for which a context ended to what was made of it
// on the way: nothing has happened, so the cause is all that matters.
func unanswered(ctx context.Context, err error) error {
	if cause := sentAway(ctx); cause != nil {
		return cause
	}
	if errors.Is(err, cluster.ErrNoLeader) || errors.Is(err, cluster.ErrUnavailable) || ctx.Err() == nil {
		return err
	}
	return ctx.Err()
}

// undecided is for a command that was on its way. The cluster knows whether it
// may have been applied; how the caller's context ended says who gave up.
func undecided(ctx context.Context, err error) error {
	lost := errors.Is(err, cluster.ErrOutcomeUnknown) ||
		errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled)
	if !lost {
		return err
	}
	f := explain(cluster.ErrOutcomeUnknown)
	f.code = endedBy(ctx)
	return f
}

// endedBy is the code for a context that ended; 0 if it has not.
func endedBy(ctx context.Context) connect.Code {
	switch {
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		return connect.CodeDeadlineExceeded
	case errors.Is(ctx.Err(), context.Canceled):
		return connect.CodeCanceled
	}
	return 0
}
