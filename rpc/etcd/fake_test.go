package etcd

import (
	"context"
	"sync"

	"github.com/conclavehq/conclave/cluster"
	logv1 "github.com/conclavehq/conclave/proto/gen/conclave/log/v1"
	"github.com/conclavehq/conclave/statemachine/feed"
)

// fake is a namespace in memory, with a feed that keeps little. Its history is
// read in small parts.
type fake struct {
	Cluster // what is not here is not called
	feed    *feed.Feed

	mu        sync.Mutex
	leader    uint64
	revision  int64
	compacted int64
	history   []*logv1.KVEvent
	untold    [][]*logv1.Event // committed and not published
}

// part is how many changes the history is read by.
const part = 5

func newFake(buffer int) *fake {
	return &fake{feed: feed.New(buffer), leader: 1, revision: 1}
}

func (f *fake) Namespace(context.Context, string) (cluster.Namespace, error) {
	return cluster.Namespace{Name: "default", ID: 1, Shard: 2}, nil
}

func (f *fake) Standing(uint64) cluster.Standing {
	f.mu.Lock()
	defer f.mu.Unlock()
	return cluster.Standing{ClusterID: 1, ReplicaID: 1, LeaderID: f.leader, Term: 3}
}

func (f *fake) lead(leader uint64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.leader = leader
}

func (f *fake) Query(context.Context, uint64, cluster.ReadOptions, *logv1.Query) (*logv1.Answer, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return &logv1.Answer{Revision: f.revision}, nil
}

func (f *fake) Watch(_ uint64, req feed.WatchRequest) (*feed.Watcher, error) {
	return f.feed.Watch(f, req)
}

// publish commits changes at the next revision, and tells of them.
func (f *fake) publish(changes ...*logv1.KVEvent) {
	f.commit(changes...)
	f.tell()
}

// commit has changes on disk, and the feed does not know it yet.
func (f *fake) commit(changes ...*logv1.KVEvent) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.revision++
	var events []*logv1.Event
	for _, change := range changes {
		change.Kv.ModRevision = f.revision
		f.history = append(f.history, change)
		events = append(events, &logv1.Event{NamespaceId: 1, Revision: f.revision, Body: &logv1.Event_Kv{Kv: change}})
	}
	f.untold = append(f.untold, events)
}

// tell publishes what is committed.
func (f *fake) tell() {
	f.mu.Lock()
	defer f.mu.Unlock()
	for i, events := range f.untold {
		revision := f.revision - int64(len(f.untold)-1-i)
		f.feed.Publish(events, []feed.Progress{{Namespace: 1, Revision: revision}}, uint64(revision))
	}
	f.untold = nil
}

func (f *fake) compact(revision int64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.compacted = max(f.compacted, revision)
}

// Head and Changes make the fake a history for watchers.
func (f *fake) Head(uint32) (int64, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.revision, nil
}

func (f *fake) Changes(req feed.WatchRequest, from int64) (feed.Changes, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if from < f.compacted {
		return feed.Changes{}, &feed.CompactedError{Revision: f.compacted}
	}
	out := feed.Changes{Through: f.revision, Head: f.revision}
	read := 0
	for _, change := range f.history {
		revision := change.GetKv().GetModRevision()
		if revision < from {
			continue
		}
		if read++; read > part && revision > from {
			out.Through = revision - 1
			break
		}
		if within(req, string(change.GetKv().GetKey())) {
			out.Events = append(out.Events, change)
		}
	}
	for n := len(out.Events); n > 0 && out.Events[n-1].GetKv().GetModRevision() > out.Through; n-- {
		out.Events = out.Events[:n-1]
	}
	return out, nil
}

func within(req feed.WatchRequest, key string) bool {
	if len(req.RangeEnd) == 0 {
		return key == string(req.Key)
	}
	return key >= string(req.Key) && (string(req.RangeEnd) == "\x00" || key < string(req.RangeEnd))
}

// change is a put, or a deletion if there is no value.
func change(key, value string) *logv1.KVEvent {
	out := &logv1.KVEvent{Type: logv1.KVEvent_TYPE_PUT, Kv: &logv1.KeyValue{Key: []byte(key), Value: []byte(value)}}
	if value == "" {
		out.Type, out.Kv.Value = logv1.KVEvent_TYPE_DELETE, nil
	}
	return out
}
