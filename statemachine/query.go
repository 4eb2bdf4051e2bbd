package statemachine

import (
	"context"
	"fmt"

	"github.com/conclavehq/conclave/internal/keys"
	logv1 "github.com/conclavehq/conclave/proto/gen/conclave/log/v1"
	"github.com/conclavehq/conclave/recipes"
)

// Query answers a question about the state after the last commit. It returns
// ErrClosed when the machine is not open; a refusal is an answer.
func (m *Machine) Query(ctx context.Context, q *logv1.Query) (*logv1.Answer, error) {
	var only *logv1.Answer
	err := m.QueryAll(ctx, []*logv1.Query{q}, func(_ int, answer *logv1.Answer) { only = answer })
	return only, err
}

// QueryAll answers many questions about the state after the same commit, in
// order. An error is that of the questions that were not answered.
func (m *Machine) QueryAll(ctx context.Context, queries []*logv1.Query, answered func(i int, answer *logv1.Answer)) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	view, err := m.view()
	if err != nil {
		return err
	}
	defer func() { _ = view.Close() }()

	var r *reader
	for i, q := range queries {
		if ns := keys.Namespace(q.GetNamespaceId()); r == nil || r.ns != ns {
			r = m.newReader(ctx, view, ns)
		}
		out := &logv1.Answer{Revision: r.revision}
		if r.dropped {
			out.Refusal = notFound(r.ns)
		} else {
			out.Refusal = m.answer(r, q, out)
		}
		if err := r.whole(); err != nil {
			return err
		}
		answered(i, out)
	}
	return nil
}

// Lookup is Query for Dragonboat.
func (m *Machine) Lookup(query any) (any, error) {
	q, ok := query.(*logv1.Query)
	if !ok {
		return nil, fmt.Errorf("statemachine: lookup of a %T instead of a query", query)
	}
	return m.Query(context.Background(), q)
}

// answer runs the rule of a query and puts its result into out.
func (m *Machine) answer(r *reader, query *logv1.Query, out *logv1.Answer) *logv1.Refusal {
	switch q := query.GetBody().(type) {
	case *logv1.Query_Range:
		return ask(r, recipes.GetRange, q.Range, func(a *logv1.RangeResult) { out.Body = &logv1.Answer_Range{Range: a} })
	case *logv1.Query_HashKeys:
		return ask(r, recipes.HashKeys, q.HashKeys, func(a *logv1.HashKeysResult) { out.Body = &logv1.Answer_HashKeys{HashKeys: a} })

	case *logv1.Query_ReadTxn:
		return ask(r, recipes.ReadTxn, q.ReadTxn, func(a *logv1.TxnResult) { out.Body = &logv1.Answer_ReadTxn{ReadTxn: a} })

	case *logv1.Query_GetLease:
		return ask(r, recipes.GetLease, q.GetLease, func(a *logv1.GetLeaseResult) { out.Body = &logv1.Answer_GetLease{GetLease: a} })
	case *logv1.Query_ListLeases:
		return ask(r, recipes.ListLeases, q.ListLeases, func(a *logv1.ListLeasesResult) { out.Body = &logv1.Answer_ListLeases{ListLeases: a} })

	case *logv1.Query_GetMutex:
		return ask(r, recipes.GetMutex, q.GetMutex, func(a *logv1.GetMutexResult) { out.Body = &logv1.Answer_GetMutex{GetMutex: a} })
	case *logv1.Query_ListMutexes:
		return ask(r, recipes.ListMutexes, q.ListMutexes, func(a *logv1.ListMutexesResult) { out.Body = &logv1.Answer_ListMutexes{ListMutexes: a} })

	case *logv1.Query_GetElection:
		return ask(r, recipes.GetElection, q.GetElection, func(a *logv1.GetElectionResult) { out.Body = &logv1.Answer_GetElection{GetElection: a} })
	case *logv1.Query_ListElections:
		return ask(r, recipes.ListElections, q.ListElections, func(a *logv1.ListElectionsResult) { out.Body = &logv1.Answer_ListElections{ListElections: a} })

	case *logv1.Query_GetJob:
		return ask(r, recipes.GetJob, q.GetJob, func(a *logv1.GetJobResult) { out.Body = &logv1.Answer_GetJob{GetJob: a} })
	case *logv1.Query_PeekJobs:
		return ask(r, recipes.PeekJobs, q.PeekJobs, func(a *logv1.PeekJobsResult) { out.Body = &logv1.Answer_PeekJobs{PeekJobs: a} })
	case *logv1.Query_GetQueue:
		return ask(r, recipes.GetQueue, q.GetQueue, func(a *logv1.GetQueueResult) { out.Body = &logv1.Answer_GetQueue{GetQueue: a} })
	case *logv1.Query_ListQueues:
		return ask(r, recipes.ListQueues, q.ListQueues, func(a *logv1.ListQueuesResult) { out.Body = &logv1.Answer_ListQueues{ListQueues: a} })

	case *logv1.Query_ListInstances:
		return ask(r, recipes.ListInstances, q.ListInstances, func(a *logv1.ListInstancesResult) { out.Body = &logv1.Answer_ListInstances{ListInstances: a} })
	case *logv1.Query_ListServices:
		return ask(r, recipes.ListServices, q.ListServices, func(a *logv1.ListServicesResult) { out.Body = &logv1.Answer_ListServices{ListServices: a} })

	case *logv1.Query_ListNodes:
		return ask(r, recipes.ListNodes, q.ListNodes, func(a *logv1.ListNodesResult) { out.Body = &logv1.Answer_ListNodes{ListNodes: a} })
	case *logv1.Query_ListNamespaces:
		return ask(r, recipes.ListNamespaces, q.ListNamespaces, func(a *logv1.ListNamespacesResult) { out.Body = &logv1.Answer_ListNamespaces{ListNamespaces: a} })

	case *logv1.Query_GetImport:
		return ask(r, recipes.GetImport, q.GetImport, func(a *logv1.GetImportResult) { out.Body = &logv1.Answer_GetImport{GetImport: a} })
	case *logv1.Query_ExportKeys:
		return ask(r, recipes.ExportKeys, q.ExportKeys, func(a *logv1.ExportKeysResult) { out.Body = &logv1.Answer_ExportKeys{ExportKeys: a} })

	case *logv1.Query_GetTicket:
		return ask(r, recipes.GetTicket, q.GetTicket, func(a *logv1.TicketEvent) { out.Body = &logv1.Answer_GetTicket{GetTicket: a} })
	case *logv1.Query_GetStatus:
		out.Body = &logv1.Answer_GetStatus{GetStatus: m.status(r)}
		return nil

	default:
		return &logv1.Refusal{
			Reason: logv1.Reason_REASON_UNKNOWN_COMMAND,
			Detail: "this node does not know the query; it may be older than the one that asks",
		}
	}
}

// ask calls a query's rule; a refused query has no answer body.
func ask[Q, A any](
	r recipes.Reader, rule func(recipes.Reader, *Q) (*A, *logv1.Refusal), query *Q, set func(*A),
) *logv1.Refusal {
	result, refusal := rule(r, query)
	if refusal == nil {
		set(result)
	}
	return refusal
}

// status tells how this replica stands, at the reader's moment.
func (m *Machine) status(r *reader) *logv1.GetStatusResult {
	shard := loadShard(r.view)
	var leases int64
	prefix := keys.Prefix(r.ns, keys.Lease)
	r.view.Walk(prefix, keys.After(prefix), func(_, _ []byte) bool {
		leases++
		return true
	})
	return &logv1.GetStatusResult{
		AppliedIndex:      shard.GetAppliedIndex(),
		Epoch:             shard.GetEpoch(),
		ClockMs:           shard.GetClockMs(),
		Revision:          r.revision,
		CompactedRevision: r.kv.Compacted(),
		Leases:            leases,
		DiskBytes:         m.DiskBytes(),
	}
}

// notFound refuses what concerns a dropped namespace.
func notFound(ns keys.Namespace) *logv1.Refusal {
	return &logv1.Refusal{
		Reason: logv1.Reason_REASON_NAMESPACE_NOT_FOUND,
		Detail: fmt.Sprintf("namespace %d was deleted", ns),
	}
}
