package rpc

import (
	"context"

	"google.golang.org/protobuf/proto"

	logv1 "github.com/conclavehq/conclave/proto/gen/conclave/log/v1"
)

// change is a mutating call in two halves: the command to propose, and what its
// result tells the caller. Calls that came together are proposed together
// between the halves.
type change[Res any] struct {
	// of is the request, for its namespace and request id.
	of      mutation
	command *logv1.Command
	// respond is not called for refusals, which are errors.
	respond func(*logv1.Result) *Res

	// For calls that may stand in line: the ticket of the place that a result
	// gives, 0 for none, and the response once it is granted.
	ticket  func(*logv1.Result) int64
	granted func(*logv1.Result, *logv1.TicketEvent) *Res
}

// mutate carries out one change and waits to the end of its wait.
func mutate[Req, Res any](ctx context.Context, s *core, req *Req, plan func(*Req) (change[Res], error)) (*Res, error) {
	c, err := plan(req)
	if err != nil {
		return nil, err
	}
	result, where, err := s.propose(ctx, c.of, c.command)
	if err != nil {
		return nil, err
	}
	ticket := c.place(result)
	if ticket == 0 {
		return c.respond(result), nil
	}
	grant, err := s.await(ctx, where, ticket, result.GetIndex())
	if err != nil {
		return nil, err
	}
	return c.granted(result, grant), nil
}

// question is a read in two halves, like change.
type question[Res any] struct {
	namespace string
	query     *logv1.Query
	// serializable allows an answer from this node's state, if that is at
	// minRevision at least. The other answers, too, have to be.
	serializable bool
	minRevision  int64
	respond      func(*logv1.Answer) *Res
}

// inquire asks one question.
func inquire[Req, Res any](ctx context.Context, s *core, req *Req, plan func(*Req) (question[Res], error)) (*Res, error) {
	q, err := plan(req)
	if err != nil {
		return nil, err
	}
	where, err := s.cluster.Namespace(ctx, q.namespace)
	if err != nil {
		return nil, unanswered(ctx, err)
	}
	if q.serializable {
		answer, err := s.ask(ctx, where, local, q.query)
		if err == nil && answer.GetRevision() >= q.minRevision {
			return q.respond(answer), nil
		}
		// A refusal may come from an old state, too: a revision that has not
		// happened here yet.
	}
	answer, err := s.ask(ctx, where, linearizable, q.query)
	if err == nil {
		err = notBefore(answer, q.minRevision)
	}
	if err != nil {
		return nil, err
	}
	return q.respond(answer), nil
}

// anyChange is a change whatever its response, and anyQuestion a question.
type (
	anyChange interface {
		request() mutation
		proposal() *logv1.Command
		place(*logv1.Result) int64
		response(*logv1.Result) proto.Message
		grant(*logv1.Result, *logv1.TicketEvent) proto.Message
	}
	anyQuestion interface {
		where() string
		asked() *logv1.Query
		// local tells whether this node's state may answer.
		local() bool
		revision() int64
		response(*logv1.Answer) proto.Message
	}
)

func (c change[Res]) request() mutation        { return c.of }
func (c change[Res]) proposal() *logv1.Command { return c.command }

// place is the ticket of a result that stands in line, 0 for others.
func (c change[Res]) place(result *logv1.Result) int64 {
	if c.ticket == nil {
		return 0
	}
	return c.ticket(result)
}

func (c change[Res]) response(result *logv1.Result) proto.Message {
	return any(c.respond(result)).(proto.Message)
}

func (c change[Res]) grant(result *logv1.Result, end *logv1.TicketEvent) proto.Message {
	return any(c.granted(result, end)).(proto.Message)
}

func (q question[Res]) where() string       { return q.namespace }
func (q question[Res]) asked() *logv1.Query { return q.query }
func (q question[Res]) local() bool         { return q.serializable }
func (q question[Res]) revision() int64     { return q.minRevision }

func (q question[Res]) response(answer *logv1.Answer) proto.Message {
	return any(q.respond(answer)).(proto.Message)
}
