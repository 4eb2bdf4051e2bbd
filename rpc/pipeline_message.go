package rpc

import (
	"bytes"
	"context"
	"time"

	"github.com/conclavehq/conclave/cluster"
	logv1 "github.com/conclavehq/conclave/proto/gen/conclave/log/v1"
	conclavev1 "github.com/conclavehq/conclave/proto/gen/conclave/v1"
)

// openCall is one call of a message.
type openCall struct {
	id        uint64
	procedure *procedure
	size      int
	timeout   time.Duration
	where     cluster.Namespace
	change    anyChange   // one of these two
	question  anyQuestion // is there
}

// group is calls that share a trip: changes of a shard, or questions to it.
type group struct {
	key      groupKey
	calls    []openCall
	commands []*logv1.Command
	queries  []*logv1.Query
}

// groupKey says which calls go together. Changes that can be tried again do not
// wait for the fate of those that cannot.
type groupKey struct {
	shard      uint64
	question   bool
	local      bool // this node's state may answer
	repeatable bool
}

// serve carries out the calls of one message.
func (p *pipe) serve(calls []*conclavev1.Call) {
	began := time.Now()
	refused := p.answers(began, 0)
	var groups []*group
	for _, call := range calls {
		open := openCall{
			id:        call.GetCallId(),
			procedure: p.procedures.find(call.GetProcedure()),
			size:      len(call.GetRequest()),
			timeout:   time.Duration(call.GetTimeoutMs()) * time.Millisecond,
		}
		if open.procedure.call != nil {
			p.alone(began, open, call.GetRequest())
			continue
		}
		err := p.plan(&open, call.GetRequest())
		switch {
		case err != nil:
			refused.fail(open.procedure, open.id, open.size, err)
		case open.where.Shard == 0:
			p.later(began, open)
		default:
			groups = join(groups, open, len(calls))
		}
	}
	p.put(refused)
	for i, g := range groups {
		if i == len(groups)-1 {
			p.run(began, g)
		} else {
			p.work.Go(func() { p.run(began, g) })
		}
	}
}

// past is a context that has ended: with it only what is known here is found.
var past = func() context.Context {
	ctx, end := context.WithCancel(context.Background())
	end()
	return ctx
}()

// plan decodes a call and makes its first half. The shard stays 0 when it takes
// a question to find it.
func (p *pipe) plan(call *openCall, request []byte) (err error) {
	defer func() { err = recovered(recover(), err) }()
	if call.procedure.waits {
		if p.standing.Load() > maxPipedWaits || !p.budgets.waits.Fits(call.size) {
			return cluster.ErrOverloaded
		}
		request = bytes.Clone(request) // it may be there for long, and the message is not to be
	}
	namespace := ""
	if call.procedure.change != nil {
		if call.change, err = call.procedure.change(request); err != nil {
			return err
		}
		namespace = call.change.request().GetNamespace()
	} else {
		if call.question, err = call.procedure.question(request); err != nil {
			return err
		}
		namespace = call.question.where()
	}
	if where, err := p.cluster.Namespace(past, namespace); err == nil {
		call.where = where
	}
	return nil
}

// later finds the namespace of a call first, apart from the other calls.
func (p *pipe) later(began time.Time, call openCall) {
	p.work.Go(func() {
		namespace := ""
		if call.change != nil {
			namespace = call.change.request().GetNamespace()
		} else {
			namespace = call.question.where()
		}
		where, err := p.cluster.Namespace(p.life, namespace)
		if err != nil {
			answers := p.answers(began, 1)
			answers.fail(call.procedure, call.id, call.size, unanswered(p.life, err))
			p.put(answers)
			return
		}
		call.where = where
		p.run(began, join(nil, call, 1)[0])
	})
}

// join adds a call to its group.
func join(groups []*group, call openCall, expect int) []*group {
	key := groupKey{shard: call.where.Shard}
	if call.change != nil {
		key.repeatable = call.change.request().GetRequestId() != nil
	} else {
		key.question, key.local = true, call.question.local()
	}
	var g *group
	for _, known := range groups {
		if known.key == key {
			g = known
		}
	}
	if g == nil {
		g = &group{key: key, calls: make([]openCall, 0, expect)}
		groups = append(groups, g)
	}
	g.calls = append(g.calls, call)
	if call.change != nil {
		command := call.change.proposal()
		command.NamespaceId = call.where.ID
		command.RequestId = requestID(call.change.request().GetRequestId())
		g.commands = append(g.commands, command)
	} else {
		query := call.question.asked()
		query.NamespaceId = call.where.ID
		g.queries = append(g.queries, query)
	}
	return groups
}

// run carries out a group.
func (p *pipe) run(began time.Time, g *group) {
	ctx, cancel := g.bounded(p.life)
	defer cancel()
	if g.key.question {
		p.ask(ctx, began, g)
	} else {
		p.propose(ctx, began, g)
	}
}

// bounded gives a context the longest of the calls' timeouts: an answer that
// comes too late for its caller does no harm.
func (g *group) bounded(ctx context.Context) (context.Context, context.CancelFunc) {
	longest := time.Duration(0)
	for i := range g.calls {
		if g.calls[i].timeout == 0 || g.calls[i].procedure.waits {
			return ctx, func() {} // the cluster has a bound of its own
		}
		longest = max(longest, g.calls[i].timeout)
	}
	return context.WithTimeout(ctx, leavingTime(longest))
}

// propose carries out changes.
func (p *pipe) propose(ctx context.Context, began time.Time, g *group) {
	p.cluster.ProposeAll(ctx, g.key.shard, g.commands, func(outcomes []cluster.Outcome) {
		answers := p.answers(began, len(outcomes))
		answers.leader = p.cluster.LeaderURLs(g.key.shard)
		for _, o := range outcomes {
			call := &g.calls[o.Index]
			result, err := decided(ctx, o.Result, o.Err)
			if err != nil {
				answers.fail(call.procedure, call.id, call.size, err)
			} else if ticket := call.change.place(result); ticket != 0 {
				p.stand(began, *call, ticket, result)
			} else {
				answers.add(call.procedure, call.id, call.size, call.change.response(result))
			}
		}
		p.put(answers)
	})
}

// ask answers questions. Those that this node's state is too old for are asked
// again.
func (p *pipe) ask(ctx context.Context, began time.Time, g *group) {
	answers := p.answers(began, len(g.calls))
	var again *group
	settle := func(i int, answer *logv1.Answer, err error) {
		call := &g.calls[i]
		answer, err = told(ctx, answer, err)
		if err == nil {
			err = notBefore(answer, call.question.revision())
		}
		switch {
		case err == nil:
			answers.add(call.procedure, call.id, call.size, call.question.response(answer))
		case g.key.local:
			if again == nil {
				again = &group{key: groupKey{shard: g.key.shard, question: true}}
			}
			again.calls = append(again.calls, *call)
			again.queries = append(again.queries, g.queries[i])
		default:
			answers.fail(call.procedure, call.id, call.size, err)
		}
		if answers.bytes > maxMessageBytes {
			p.put(answers)
			answers = p.answers(began, len(g.calls)-i)
		}
	}
	read, next := linearizable, 0
	if g.key.local {
		read = local
	}
	err := p.cluster.QueryAll(ctx, g.key.shard, read, g.queries, func(i int, answer *logv1.Answer) {
		next = i + 1
		settle(i, answer, nil)
	})
	if err != nil {
		for i := next; i < len(g.calls); i++ {
			settle(i, nil, err)
		}
	}
	p.put(answers)
	if again != nil {
		p.ask(ctx, began, again)
	}
}
