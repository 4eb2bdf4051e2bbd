package feed

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	logv1 "github.com/conclavehq/conclave/proto/gen/conclave/log/v1"
)

func kvEvent(ns uint32, revision int64, key string) *logv1.Event {
	return &logv1.Event{NamespaceId: ns, Revision: revision, Body: &logv1.Event_Kv{Kv: &logv1.KVEvent{
		Type: logv1.KVEvent_TYPE_PUT,
		Kv:   &logv1.KeyValue{Key: []byte(key), ModRevision: revision},
	}}}
}

func ticketEvent(ns uint32, ticket int64) *logv1.Event {
	return &logv1.Event{NamespaceId: ns, Body: &logv1.Event_Ticket{Ticket: &logv1.TicketEvent{Ticket: ticket}}}
}

// one of every kind of event, all in namespace 1.
func oneOfEach() map[string]*logv1.Event {
	events := map[string]*logv1.Event{
		"kv a":    kvEvent(1, 9, "a"),
		"kv b":    kvEvent(1, 9, "b"),
		"kv zz":   kvEvent(1, 9, "zz"),
		"ticket":  ticketEvent(1, 7),
		"ticket8": ticketEvent(1, 8),
		"lost": {Body: &logv1.Event_Lost{Lost: &logv1.LostEvent{
			Kind: logv1.LostEvent_KIND_MUTEX, Name: "m", LeaseId: 5}}},
		"election": {Body: &logv1.Event_Election{Election: &logv1.ElectionEvent{Name: "e"}}},
		"instance": {Body: &logv1.Event_Instance{Instance: &logv1.InstanceEvent{
			Instance: &logv1.Instance{Service: "s", Id: "1"}}}},
		"lease":  {Body: &logv1.Event_Lease{Lease: &logv1.LeaseEvent{LeaseId: 5}}},
		"mutex":  {Body: &logv1.Event_Mutex{Mutex: &logv1.MutexEvent{Name: "m"}}},
		"system": {Body: &logv1.Event_System{System: &logv1.SystemEvent{}}},
	}
	for name, event := range events {
		if name != "system" {
			event.NamespaceId = 1
		}
	}
	return events
}

func names(events map[string]*logv1.Event, got []*logv1.Event) map[string]bool {
	found := map[string]bool{}
	for name, event := range events {
		for _, g := range got {
			if g == event {
				found[name] = true
			}
		}
	}
	return found
}

func TestFiltersSelectTheirEvents(t *testing.T) {
	set := func(names ...string) map[string]bool {
		m := map[string]bool{}
		for _, name := range names {
			m[name] = true
		}
		return m
	}
	cases := []struct {
		name   string
		filter Filter
		want   map[string]bool
	}{
		{"key", KV(1, []byte("a"), nil), set("kv a")},
		{"range", KV(1, []byte("a"), []byte("c")), set("kv a", "kv b")},
		{"open range", KV(1, []byte("b"), []byte{0}), set("kv b", "kv zz")},
		{"empty range", KV(1, []byte("c"), []byte("b")), set()},
		{"other namespace", KV(2, []byte("a"), []byte{0}), set()},
		{"ticket", Ticket(1, 7), set("ticket")},
		{"ticket elsewhere", Ticket(2, 7), set()},
		{"mutex", Mutex(1, "m"), set("mutex")},
		{"election", Election(1, "e"), set("election")},
		{"service", Service(1, "s"), set("instance")},
		{"other service", Service(1, "t"), set()},
		{"services", Services(1), set("instance")},
		{"lease", Lease(1, 5), set("lease", "lost")},
		{"system", System(), set("system")},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			f := New(0)
			events := oneOfEach()
			s := f.Subscribe(c.filter)
			defer s.Close()
			var all []*logv1.Event
			for _, event := range events {
				all = append(all, event)
			}
			f.Publish(all, nil, 1)
			batch, _, err := s.Poll()
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, names(events, batch.Events)); diff != "" {
				t.Errorf("selected events differ (-want +got):\n%s", diff)
			}
		})
	}
}

func TestNextReturnsAllThatIsPending(t *testing.T) {
	f := New(0)
	s := f.Subscribe(KV(1, []byte("a"), []byte{0}))
	for i := int64(2); i < 12; i += 2 {
		progress := []Progress{{Namespace: 1, Revision: i + 1}}
		f.Publish([]*logv1.Event{kvEvent(1, i, "k"), kvEvent(1, i+1, "k")}, progress, uint64(i))
	}
	batch, err := s.Next(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if len(batch.Events) != 10 || batch.Revision != 11 || batch.Index != 10 {
		t.Fatalf("%d events up to revision %d, index %d", len(batch.Events), batch.Revision, batch.Index)
	}
	for i, event := range batch.Events {
		if event.GetRevision() != int64(i+2) {
			t.Errorf("event %d has revision %d", i, event.GetRevision())
		}
	}
}

// A subscription that nothing concerns still learns how far the namespace is.
func TestBookmark(t *testing.T) {
	f := New(0)
	f.Publish(nil, []Progress{{Namespace: 1, Revision: 4}}, 3)
	s := f.Subscribe(Ticket(1, 99))
	if s.StartIndex() != 3 {
		t.Errorf("starts at index %d", s.StartIndex())
	}
	f.Publish([]*logv1.Event{kvEvent(1, 5, "a")}, []Progress{{Namespace: 1, Revision: 5}, {Namespace: 2, Revision: 8}}, 10)
	batch, ok, err := s.Poll()
	if ok || err != nil || batch.Revision != 5 || batch.Index != 10 {
		t.Errorf("got %+v, %v, %v", batch, ok, err)
	}
}

// A subscriber that takes nothing is told so once it is behind, and goes on.
func TestLagging(t *testing.T) {
	f := New(3)
	slow := f.Subscribe(KV(1, []byte("a"), nil))
	other := f.Subscribe(KV(1, []byte("b"), nil))
	for i := int64(2); i < 10; i++ {
		f.Publish([]*logv1.Event{kvEvent(1, i, "a")}, []Progress{{Namespace: 1, Revision: i}}, uint64(i))
	}
	f.Publish([]*logv1.Event{kvEvent(1, 10, "b")}, []Progress{{Namespace: 1, Revision: 10}}, 10)

	if _, err := slow.Next(t.Context()); !errors.Is(err, ErrLagging) {
		t.Fatalf("got %v, want ErrLagging", err)
	}
	f.Publish([]*logv1.Event{kvEvent(1, 11, "a")}, []Progress{{Namespace: 1, Revision: 11}}, 11)
	if batch, err := slow.Next(t.Context()); err != nil || len(batch.Events) != 1 || batch.Revision != 11 {
		t.Errorf("after lagging: %+v, %v", batch, err)
	}
	if batch, err := other.Next(t.Context()); err != nil || len(batch.Events) != 1 {
		t.Errorf("the other subscriber: %+v, %v", batch, err)
	}
}

// Few large events fill the buffer as well.
func TestLaggingByBytes(t *testing.T) {
	f := New(0)
	s := f.Subscribe(KV(1, []byte("a"), nil))
	large := kvEvent(1, 2, "a")
	large.GetKv().Kv.Value = make([]byte, maxPendingBytes/3)
	for i := range uint64(4) {
		f.Publish([]*logv1.Event{large}, nil, i)
	}
	if _, err := s.Next(t.Context()); !errors.Is(err, ErrLagging) {
		t.Errorf("got %v, want ErrLagging", err)
	}
}

func TestOnePublicationLargerThanTheBufferGetsThrough(t *testing.T) {
	f := New(2)
	s := f.Subscribe(KV(1, []byte("a"), nil))
	f.Publish([]*logv1.Event{kvEvent(1, 2, "a"), kvEvent(1, 3, "a"), kvEvent(1, 4, "a")}, nil, 1)
	if batch, err := s.Next(t.Context()); err != nil || len(batch.Events) != 3 {
		t.Errorf("got %+v, %v", batch, err)
	}
}

func TestResetAndClose(t *testing.T) {
	f := New(0)
	s, elsewhere := f.Subscribe(Ticket(1, 1)), f.Subscribe(Ticket(2, 1))
	f.Publish([]*logv1.Event{ticketEvent(1, 1)}, nil, 1)
	f.ResetNamespace(1)
	if _, err := s.Next(t.Context()); !errors.Is(err, ErrReset) {
		t.Errorf("dropped namespace: %v", err)
	}
	if _, ok, err := elsewhere.Poll(); ok || err != nil {
		t.Errorf("other namespace: %v, %v", ok, err)
	}

	f.Reset([]Progress{{Namespace: 1, Revision: 50}}, 40)
	if _, err := s.Next(t.Context()); !errors.Is(err, ErrReset) {
		t.Errorf("reset: %v", err)
	}
	if batch, ok, err := s.Poll(); ok || err != nil || batch.Revision != 50 || batch.Index != 40 {
		t.Errorf("after reset: %+v, %v, %v", batch, ok, err)
	}

	f.Close()
	for _, sub := range []*Subscription{s, elsewhere, f.Subscribe(System())} {
		if _, err := sub.Next(t.Context()); !errors.Is(err, ErrClosed) {
			t.Errorf("closed: %v", err)
		}
		sub.Close()
	}
	f.Publish([]*logv1.Event{ticketEvent(1, 1)}, nil, 2)
}

func TestNextEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := New(0).Subscribe(System()).Next(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

// Closed subscriptions leave nothing behind.
func TestCloseForgetsTopics(t *testing.T) {
	f := New(0)
	var subs []*Subscription
	for i := range 100 {
		subs = append(subs, f.Subscribe(KV(1, []byte("a"), []byte("b"))), f.Subscribe(Ticket(1, int64(i%10))))
	}
	for i := range subs {
		subs[(i*37)%len(subs)].Close()
		subs[(i*37)%len(subs)].Close()
	}
	if len(f.mu.topics) != 0 || len(f.mu.ranges) != 0 {
		t.Errorf("%d topics and %d namespaces with ranges are left", len(f.mu.topics), len(f.mu.ranges))
	}
}

// Equal ranges are matched once, and all their subscribers share the events.
func TestSubscribersOfOneRangeShareAMatch(t *testing.T) {
	f := New(0)
	var subs []*Subscription
	for range 2000 {
		subs = append(subs, f.Subscribe(KV(1, []byte("a"), []byte("z"))))
	}
	if n := len(f.mu.ranges[1].sorted); n != 1 {
		t.Fatalf("%d ranges are matched", n)
	}
	f.Publish([]*logv1.Event{kvEvent(1, 2, "k")}, nil, 1)
	first, _, _ := subs[0].Poll()
	last, _, _ := subs[1999].Poll()
	if &first.Events[0] != &last.Events[0] {
		t.Error("the events were copied for each subscriber")
	}
}

// Readers that come and go while events are published see each event once, in
// order, or are told that they are behind.
func TestConcurrentReaders(t *testing.T) {
	const publications = 2000
	f := New(64)
	var readers sync.WaitGroup
	for r := range 8 {
		s := f.Subscribe(KV(1, []byte("k"), []byte(fmt.Sprintf("k%d", r%3+1))))
		readers.Add(1)
		go func() {
			defer readers.Done()
			defer s.Close()
			last, lagged := int64(0), false
			for {
				batch, err := s.Next(t.Context())
				if errors.Is(err, ErrLagging) {
					lagged = true
					continue
				}
				if errors.Is(err, ErrClosed) {
					return
				}
				if err != nil {
					t.Errorf("reader %d: %v", r, err)
					return
				}
				for _, event := range batch.Events {
					if event.GetRevision() != last+1 && !lagged || event.GetRevision() <= last {
						t.Errorf("reader %d: revision %d after %d", r, event.GetRevision(), last)
						return
					}
					last, lagged = event.GetRevision(), false
				}
			}
		}()
	}
	for i := int64(1); i <= publications; i++ {
		f.Publish([]*logv1.Event{kvEvent(1, i, "k0")}, []Progress{{Namespace: 1, Revision: i}}, uint64(i))
		s := f.Subscribe(Ticket(1, i))
		s.Close()
	}
	f.Close()
	readers.Wait()
}

// Events of keys that nobody wanted when they were made are not missed silently
// by who has subscribed since. Promise D4.
func TestSubscribedBetween(t *testing.T) {
	f := New(0)
	if f.WantsKeys(1) {
		t.Error("keys are wanted before anybody subscribed")
	}
	// Between the question and the publication:
	key, keys := f.Subscribe(KV(1, []byte("k"), nil)), f.Subscribe(KV(1, []byte("a"), []byte{0}))
	other, mutex := f.Subscribe(KV(2, []byte("k"), nil)), f.Subscribe(Mutex(1, "m"))
	f.Publish(nil, []Progress{{Namespace: 1, Revision: 5, KeysUntold: true}}, 7)
	for i, s := range []*Subscription{key, keys} {
		if _, _, err := s.Poll(); !errors.Is(err, ErrLagging) {
			t.Errorf("subscription %d: %v", i, err)
		}
	}
	for i, s := range []*Subscription{other, mutex} {
		if _, _, err := s.Poll(); err != nil {
			t.Errorf("subscription %d, which missed nothing: %v", i, err)
		}
	}
	if !f.WantsKeys(1) || !f.WantsKeys(2) {
		t.Error("keys are not wanted")
	}
	for _, s := range []*Subscription{key, keys, other} {
		s.Close()
	}
	if f.WantsKeys(1) || f.WantsKeys(2) {
		t.Error("keys are still wanted")
	}
}
