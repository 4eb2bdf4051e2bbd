package feed

import (
	"sync"

	logv1 "github.com/conclavehq/conclave/proto/gen/conclave/log/v1"
)

// DefaultBuffer is how many events a subscription may have pending.
const DefaultBuffer = 4096

// maxPendingBytes is how large the pending events of a subscription may be.
const maxPendingBytes = 16 << 20

// Progress is the revision that a namespace has reached.
type Progress struct {
	Namespace uint32
	Revision  int64
	// KeysUntold says that there are no events for keys, because WantsKeys said
	// that nobody wants them. Who subscribed since is told to read the state.
	KeysUntold bool
}

// Feed distributes the committed events of one shard. Its zero value is not
// usable; New makes one.
type Feed struct {
	buffer int

	mu struct {
		sync.Mutex
		closed bool
		index  uint64
		// revisions are the last ones published, by namespace.
		revisions map[uint32]int64
		topics    map[Filter]*topic
		// ranges are the topics of kindRange by namespace.
		ranges map[uint32]*ranges
		// keys counts the topics of keys and ranges by namespace.
		keys map[uint32]int
		// touched is scratch space of Publish.
		touched []*topic
	}
}

// topic is a filter that has subscribers.
type topic struct {
	filter      Filter
	subscribers []*Subscription
	// matched collects the events of the running Publish. The slice is handed
	// to all subscribers and not changed after that.
	matched []*logv1.Event
}

// New makes a feed whose subscriptions hold up to buffer pending events each;
// 0 means DefaultBuffer.
func New(buffer int) *Feed {
	if buffer <= 0 {
		buffer = DefaultBuffer
	}
	f := &Feed{buffer: buffer}
	f.mu.revisions = map[uint32]int64{}
	f.mu.topics = map[Filter]*topic{}
	f.mu.ranges = map[uint32]*ranges{}
	f.mu.keys = map[uint32]int{}
	return f
}

// Publish hands events to the subscriptions that want them. The events are
// shared by all subscribers and must not be changed any more. progress names
// the namespaces whose revision moved and index the log index up to which
// everything has been published now. Publish calls are not concurrent.
func (f *Feed) Publish(events []*logv1.Event, progress []Progress, index uint64) {
	f.mu.Lock()
	defer f.mu.Unlock()

	if len(f.mu.topics) > 0 {
		for _, event := range events {
			f.matchLocked(event)
		}
	}
	for i, t := range f.mu.touched {
		chunk := chunk{events: t.matched, index: index}
		for _, event := range t.matched {
			chunk.bytes += event.SizeVT()
		}
		for _, s := range t.subscribers {
			s.deliver(chunk)
		}
		t.matched, f.mu.touched[i] = nil, nil
	}
	f.mu.touched = f.mu.touched[:0]

	f.mu.index = index
	for _, p := range progress {
		if p.KeysUntold && f.mu.revisions[p.Namespace] != p.Revision {
			f.interruptKeysLocked(p.Namespace)
		}
		f.mu.revisions[p.Namespace] = p.Revision
	}
}

// WantsKeys tells whether there is a subscription to keys of a namespace.
func (f *Feed) WantsKeys(namespace uint32) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.mu.keys[namespace] > 0
}

// interruptKeysLocked tells the subscriptions to keys that events are missing.
func (f *Feed) interruptKeysLocked(namespace uint32) {
	if f.mu.keys[namespace] == 0 {
		return
	}
	for filter, t := range f.mu.topics {
		if filter.namespace != namespace || !filter.ofKeys() {
			continue
		}
		for _, s := range t.subscribers {
			s.interrupt(ErrLagging, f.mu.revisions[namespace])
		}
	}
}

// matchLocked adds an event to the topics that select it.
func (f *Feed) matchLocked(event *logv1.Event) {
	topicsOf(event, func(filter Filter) {
		if t := f.mu.topics[filter]; t != nil {
			f.addLocked(t, event)
		}
	})
	if kv := event.GetKv(); kv != nil {
		if ranges := f.mu.ranges[event.GetNamespaceId()]; ranges != nil {
			ranges.containing(kv.GetKv().GetKey(), func(t *topic) { f.addLocked(t, event) })
		}
	}
}

func (f *Feed) addLocked(t *topic, event *logv1.Event) {
	if len(t.matched) == 0 {
		f.mu.touched = append(f.mu.touched, t)
	}
	t.matched = append(t.matched, event)
}

// Subscribe begins a subscription. It delivers what is published from now on;
// events up to its start index are not part of it. On a closed feed the
// subscription is closed too.
func (f *Feed) Subscribe(filter Filter) *Subscription {
	return f.subscribe(&Subscription{filter: filter})
}

func (f *Feed) subscribe(s *Subscription) *Subscription {
	f.mu.Lock()
	defer f.mu.Unlock()

	filter := s.filter
	s.feed, s.start = f, f.mu.index
	if s.ready == nil {
		s.wake = make(chan struct{}, 1)
	}
	if f.mu.closed {
		s.end(ErrClosed)
		return s
	}
	t := f.mu.topics[filter]
	if t == nil {
		t = &topic{filter: filter}
		f.mu.topics[filter] = t
		if filter.ofKeys() {
			f.mu.keys[filter.namespace]++
		}
		if filter.kind == kindRange {
			if f.mu.ranges[filter.namespace] == nil {
				f.mu.ranges[filter.namespace] = &ranges{}
			}
			f.mu.ranges[filter.namespace].add(t)
		}
	}
	s.slot = len(t.subscribers)
	t.subscribers = append(t.subscribers, s)
	return s
}

// unsubscribe takes a subscription off its topic.
func (f *Feed) unsubscribe(s *Subscription) {
	f.mu.Lock()
	defer f.mu.Unlock()

	t := f.mu.topics[s.filter]
	if t == nil || s.slot >= len(t.subscribers) || t.subscribers[s.slot] != s {
		return // closed before
	}
	last := len(t.subscribers) - 1
	t.subscribers[s.slot] = t.subscribers[last]
	t.subscribers[s.slot].slot = s.slot
	t.subscribers[last] = nil
	t.subscribers = t.subscribers[:last]
	if last > 0 {
		return
	}
	delete(f.mu.topics, s.filter)
	if s.filter.ofKeys() {
		if f.mu.keys[s.filter.namespace]--; f.mu.keys[s.filter.namespace] == 0 {
			delete(f.mu.keys, s.filter.namespace)
		}
	}
	if s.filter.kind == kindRange {
		ranges := f.mu.ranges[s.filter.namespace]
		if ranges.remove(t); len(ranges.sorted) == 0 {
			delete(f.mu.ranges, s.filter.namespace)
		}
	}
}

// progress returns how far the feed is, for a namespace.
func (f *Feed) progress(namespace uint32) (revision int64, index uint64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.mu.revisions[namespace], f.mu.index
}

// Reset tells every subscription that the state was replaced by another one,
// at the given index and revisions. What was pending is dropped.
func (f *Feed) Reset(progress []Progress, index uint64) {
	f.mu.Lock()
	defer f.mu.Unlock()

	f.mu.index = index
	clear(f.mu.revisions)
	for _, p := range progress {
		f.mu.revisions[p.Namespace] = p.Revision
	}
	for _, t := range f.mu.topics {
		for _, s := range t.subscribers {
			s.interrupt(ErrReset, 0)
		}
	}
}

// ResetNamespace tells the subscriptions of one namespace that its state is
// gone: it was dropped.
func (f *Feed) ResetNamespace(namespace uint32) {
	f.mu.Lock()
	defer f.mu.Unlock()

	for filter, t := range f.mu.topics {
		if filter.namespace != namespace || filter.kind == kindSystem {
			continue
		}
		for _, s := range t.subscribers {
			s.interrupt(ErrReset, 0)
		}
	}
}

// Close ends all subscriptions. Later ones are closed from the start.
func (f *Feed) Close() {
	f.mu.Lock()
	defer f.mu.Unlock()

	f.mu.closed = true
	for _, t := range f.mu.topics {
		for _, s := range t.subscribers {
			s.end(ErrClosed)
		}
	}
	clear(f.mu.topics)
	clear(f.mu.ranges)
	clear(f.mu.keys)
}
