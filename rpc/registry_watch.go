package rpc

import (
	"context"
	"errors"

	"github.com/conclavehq/conclave/cluster"
	logv1 "github.com/conclavehq/conclave/proto/gen/conclave/log/v1"
	conclavev1 "github.com/conclavehq/conclave/proto/gen/conclave/v1"
	"github.com/conclavehq/conclave/statemachine/feed"
)

// snapshotPage is how many instances one question of a snapshot asks for.
const snapshotPage = 10_000

// instanceFilter selects a service, or all of them.
func instanceFilter(namespace uint32, service string) feed.Filter {
	if service == "" {
		return feed.Services(namespace)
	}
	return feed.Service(namespace, service)
}

// pollInstances waits for the next change, if it is asked to.
func (h registryHandler) pollInstances(ctx context.Context, req *conclavev1.ListInstancesRequest) (*logv1.Answer, error) {
	return poll{
		namespace: req.GetNamespace(),
		wait:      req.GetWait(),
		after:     req.GetAfterRevision(),
		filter:    func(namespace uint32) feed.Filter { return instanceFilter(namespace, req.GetService()) },
		query: func() *logv1.Query {
			return &logv1.Query{Body: &logv1.Query_ListInstances{ListInstances: &logv1.ListInstances{
				Service:      req.GetService(),
				AfterService: req.GetAfterService(),
				AfterId:      req.GetAfterId(),
				Limit:        pageSize(req.GetLimit()),
			}}}
		},
		newest: func(answer *logv1.Answer) (newest int64, certain bool) {
			for _, i := range answer.GetListInstances().GetInstances() {
				newest = max(newest, i.GetModRevision())
			}
			return newest, false // some may have left
		},
	}.ask(ctx, h.core)
}

// watchInstances tells all instances, and then what changes. What changes while
// the last message is on its way is told together.
func (h registryHandler) watchInstances(ctx context.Context, req *conclavev1.WatchInstancesRequest, send func(*conclavev1.WatchInstancesResponse) error) error {
	where, err := h.cluster.Namespace(ctx, req.GetNamespace())
	if err != nil {
		return unanswered(ctx, err)
	}
	ctx, done := h.leaders.while(ctx, where.Shard)
	defer done()
	sub, err := h.cluster.Subscribe(where.Shard, instanceFilter(where.ID, req.GetService()))
	if err != nil {
		return err
	}
	defer sub.Close()

	read := linearizable
	for {
		told, err := h.tellInstances(ctx, where, req.GetService(), read, send)
		if err != nil {
			return unanswered(ctx, err)
		}
		err = tellChanges(ctx, sub, told, send)
		if !errors.Is(err, feed.ErrLagging) && !errors.Is(err, feed.ErrReset) {
			return unanswered(ctx, err)
		}
		read = local // a new snapshot has what was missed
	}
}

// tellInstances sends a snapshot and returns its revision. A snapshot of many
// pages may show some changes after it; they are told once more.
func (h registryHandler) tellInstances(ctx context.Context, where cluster.Namespace, service string, read cluster.ReadOptions, send func(*conclavev1.WatchInstancesResponse) error) (int64, error) {
	snapshot := &conclavev1.WatchInstancesResponse{Snapshot: true}
	page := &logv1.ListInstances{Service: service, Limit: snapshotPage}
	for {
		answer, err := h.ask(ctx, where, read, &logv1.Query{
			Body: &logv1.Query_ListInstances{ListInstances: page},
		})
		if err != nil {
			return 0, err
		}
		if snapshot.Revision == 0 {
			snapshot.Revision = answer.GetRevision()
		}
		list := answer.GetListInstances()
		for _, i := range list.GetInstances() {
			snapshot.Changes = append(snapshot.Changes, &conclavev1.InstanceChange{Instance: instance(i)})
		}
		if !list.GetMore() || len(list.GetInstances()) == 0 {
			return snapshot.Revision, send(snapshot)
		}
		last := list.GetInstances()[len(list.GetInstances())-1]
		page = &logv1.ListInstances{
			Service:      service,
			AfterService: last.GetService(),
			AfterId:      last.GetId(),
			Limit:        snapshotPage,
		}
	}
}

// tellChanges sends what happens after a revision, until it cannot.
func tellChanges(ctx context.Context, sub *feed.Subscription, told int64, send func(*conclavev1.WatchInstancesResponse) error) error {
	for {
		batch, err := sub.Next(ctx)
		if err != nil {
			return err
		}
		changes := coalesce(batch.Events, told)
		if len(changes) == 0 {
			continue
		}
		told = batch.Events[len(batch.Events)-1].GetRevision()
		if err := send(&conclavev1.WatchInstancesResponse{Revision: told, Changes: changes}); err != nil {
			return err
		}
	}
}

// coalesce keeps the last change of each instance, in the order of these.
func coalesce(events []*logv1.Event, after int64) []*conclavev1.InstanceChange {
	type name struct{ service, id string }
	last := make(map[name]int, len(events))
	for i, event := range events {
		changed := event.GetInstance().GetInstance()
		last[name{changed.GetService(), changed.GetId()}] = i
	}
	var changes []*conclavev1.InstanceChange
	for i, event := range events {
		change := event.GetInstance()
		id := name{change.GetInstance().GetService(), change.GetInstance().GetId()}
		if event.GetRevision() <= after || last[id] != i {
			continue
		}
		changes = append(changes, &conclavev1.InstanceChange{
			Instance: instance(change.GetInstance()),
			Removed:  change.GetRemoved(),
			Cause:    change.GetCause(),
		})
	}
	return changes
}
