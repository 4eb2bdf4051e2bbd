package rpc

import (
	"context"
	"errors"
	"sync"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/conclavehq/conclave/cluster"
	logv1 "github.com/conclavehq/conclave/proto/gen/conclave/log/v1"
	"github.com/conclavehq/conclave/statemachine/feed"
)

// fake is a cluster whose answers a test gives. Its feed is a real one.
type fake struct {
	Admin
	feed *feed.Feed
	// history has all KV changes, by revision.
	history []*logv1.KVEvent
	status  cluster.Status
	// leaderURLs are those of the leader, if that is another node.
	leaderURLs []string

	propose func(context.Context, *logv1.Command) (*logv1.Result, error)
	query   func(context.Context, cluster.ReadOptions, *logv1.Query) (*logv1.Answer, error)

	mu       sync.Mutex
	revision int64
	index    uint64
}

var _ Cluster = (*fake)(nil)

// newFake makes a fake and handlers over it; drain ends their waits.
func newFake() (f *fake, c *core, drain context.CancelFunc) {
	f = &fake{feed: feed.New(0)}
	draining, drain := context.WithCancel(context.Background())
	return f, &core{
		budgets:  newBudgets(Limits{}),
		cluster:  f,
		draining: draining,
		leaders:  newLeaders(f.Status),
		waits:    prometheus.NewGauge(prometheus.GaugeOpts{Name: "waits"}),
	}, drain
}

func (f *fake) Namespace(_ context.Context, name string) (cluster.Namespace, error) {
	if name != "" && name != "default" {
		return cluster.Namespace{}, &cluster.RefusedError{Refusal: &logv1.Refusal{Reason: logv1.Reason_REASON_NAMESPACE_NOT_FOUND}}
	}
	return cluster.Namespace{Name: "default", ID: 1, Shard: 2}, nil
}

func (f *fake) Propose(ctx context.Context, _ uint64, cmd *logv1.Command) (*logv1.Result, error) {
	return f.propose(ctx, cmd)
}

func (f *fake) ProposeAll(ctx context.Context, _ uint64, cmds []*logv1.Command, decided func([]cluster.Outcome)) {
	for i, cmd := range cmds {
		result, err := f.propose(ctx, cmd)
		decided([]cluster.Outcome{{Index: i, Result: result, Err: err}})
	}
}

func (f *fake) LeaderURLs(uint64) []string { return f.leaderURLs }

func (f *fake) QueryAll(ctx context.Context, shard uint64, read cluster.ReadOptions, queries []*logv1.Query,
	answered func(int, *logv1.Answer)) error {
	for i, q := range queries {
		answer, err := f.Query(ctx, shard, read, q)
		if err != nil {
			return err
		}
		answered(i, answer)
	}
	return nil
}

func (f *fake) Query(ctx context.Context, _ uint64, read cluster.ReadOptions, q *logv1.Query) (*logv1.Answer, error) {
	if f.query == nil {
		f.mu.Lock()
		defer f.mu.Unlock()
		return &logv1.Answer{Revision: f.revision}, nil
	}
	return f.query(ctx, read, q)
}

func (f *fake) Subscribe(_ uint64, filter feed.Filter) (*feed.Subscription, error) {
	return f.feed.Subscribe(filter), nil
}

func (f *fake) Watch(_ uint64, req feed.WatchRequest) (*feed.Watcher, error) {
	return f.feed.Watch(f, req)
}

func (f *fake) Status() cluster.Status {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.status
}

func (f *fake) set(status cluster.Status) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.status = status
}

// publish commits events at the next revision.
func (f *fake) publish(events ...*logv1.Event) int64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.revision++
	f.index++
	for _, event := range events {
		event.NamespaceId, event.Revision = 1, f.revision
		if kv := event.GetKv(); kv != nil {
			kv.Kv.ModRevision = f.revision
			f.history = append(f.history, kv)
		}
	}
	f.feed.Publish(events, []feed.Progress{{Namespace: 1, Revision: f.revision}}, f.index)
	return f.revision
}

// put is the event of a written key.
func put(key, value string) *logv1.Event {
	return &logv1.Event{Body: &logv1.Event_Kv{Kv: &logv1.KVEvent{
		Type: logv1.KVEvent_TYPE_PUT,
		Kv:   &logv1.KeyValue{Key: []byte(key), Value: []byte(value)},
	}}}
}

// Head and Changes make the fake a history for watchers.
func (f *fake) Head(uint32) (int64, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.revision, nil
}

func (f *fake) Changes(_ feed.WatchRequest, from int64) (feed.Changes, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if from < 2 {
		return feed.Changes{}, &feed.CompactedError{Revision: 2}
	}
	out := feed.Changes{Through: f.revision, Head: f.revision}
	for _, event := range f.history {
		if event.GetKv().GetModRevision() >= from {
			out.Events = append(out.Events, event)
		}
	}
	return out, nil
}

// reasonOf is the reason that a client would see.
func reasonOf(err error) string {
	if err == nil {
		return ""
	}
	name := explain(err).info.GetReason().String()
	return name[len("ERROR_REASON_"):]
}

var errBroken = errors.New("disk 7 at /var/lib is broken")
