package feed

import (
	"errors"
	"testing"

	logv1 "github.com/conclavehq/conclave/proto/gen/conclave/log/v1"
)

// shelf is a history in memory.
type shelf struct {
	head, compacted int64
	events          []*logv1.KVEvent
}

func (s *shelf) Head(uint32) (int64, error) { return s.head, nil }

func (s *shelf) Changes(_ WatchRequest, from int64) (Changes, error) {
	if from < s.compacted {
		return Changes{}, &CompactedError{Revision: s.compacted}
	}
	out := Changes{Through: s.head, Head: s.head}
	for _, event := range s.events {
		if event.GetKv().GetModRevision() >= from {
			out.Events = append(out.Events, event)
		}
	}
	return out, nil
}

// commit makes a change of key "a" at the next revision.
func (s *shelf) commit(f *Feed) {
	s.head++
	event := kvEvent(1, s.head, "a")
	s.events = append(s.events, event.GetKv())
	f.Publish([]*logv1.Event{event}, []Progress{{Namespace: 1, Revision: s.head}}, uint64(s.head))
}

func poll(t *testing.T, w *Watcher) (events int, revision int64, more bool) {
	t.Helper()
	batch, more, err := w.Poll()
	if err != nil {
		t.Fatal(err)
	}
	return len(batch.Events), batch.Revision, more
}

// A watcher that is polled is told when there is something, and says how far it
// is when there is not.
func TestPoll(t *testing.T) {
	f, s, woken := New(2), &shelf{head: 1}, 0
	s.commit(f)
	w, err := f.Watch(s, WatchRequest{Namespace: 1, Key: []byte("a"), StartRevision: 2, Ready: func() { woken++ }})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	check := func(what string, wantEvents int, wantRevision int64, wantMore bool) {
		t.Helper()
		if events, revision, more := poll(t, w); events != wantEvents || revision != wantRevision || more != wantMore {
			t.Errorf("%s: %d events up to %d, more %v", what, events, revision, more)
		}
	}
	if w.Following() || w.Began() != 2 || w.Wanted() != 2 || w.Seen() != 1 {
		t.Errorf("at the start: %v %d %d %d", w.Following(), w.Began(), w.Wanted(), w.Seen())
	}
	check("history", 1, 2, true)
	check("caught up", 0, 2, false)
	if woken != 0 {
		t.Errorf("woken %d times, and nothing happened", woken)
	}
	s.commit(f)
	if woken != 1 || !w.Following() {
		t.Errorf("woken %d times by a change, following %v", woken, w.Following())
	}
	check("a change", 1, 3, false)
	f.Publish(nil, []Progress{{Namespace: 1, Revision: 4}}, 4)
	s.head = 4
	check("elsewhere", 0, 4, false)
	for range 3 {
		s.commit(f)
	}
	check("lagging", 0, 4, true)
	check("from disk", 3, 7, true)
	check("caught up again", 0, 7, false)
	f.Close()
	if _, _, err := w.Poll(); !errors.Is(err, ErrClosed) {
		t.Errorf("closed: %v", err)
	}
}

// Without anything to read, a watch follows the feed from its beginning.
func TestPollFromNow(t *testing.T) {
	f, s := New(0), &shelf{head: 5}
	for start, wanted := range map[int64]int64{0: 6, 6: 6, 9: 9} {
		w, err := f.Watch(s, WatchRequest{Namespace: 1, Key: []byte("a"), StartRevision: start})
		if err != nil || !w.Following() || w.Wanted() != wanted || w.Seen() != 5 || w.Began() != 5 {
			t.Errorf("from %d: %+v, %v", start, w, err)
		}
		w.Close()
	}
}

// Subscriptions with a budget hold no more than that together, and what they
// drop they read from disk.
func TestBudget(t *testing.T) {
	f, s := New(0), &shelf{head: 1}
	size := int64(kvEvent(1, 2, "a").SizeVT())
	budget := NewBudget(5 * size)
	var watchers []*Watcher
	for range 2 {
		w, err := f.Watch(s, WatchRequest{Namespace: 1, Key: []byte("a"), Budget: budget})
		if err != nil {
			t.Fatal(err)
		}
		watchers = append(watchers, w)
	}
	for range 4 {
		s.commit(f)
		if budget.Used() > 5*size {
			t.Errorf("%d bytes are used", budget.Used())
		}
	}
	for i, w := range watchers {
		told, more := 0, true
		for polls := 0; more && polls < 100; polls++ {
			var events int
			events, _, more = poll(t, w)
			told += events
		}
		if told != 4 || more {
			t.Fatalf("watcher %d is told %d changes, and more: %v", i, told, more)
		}
	}
	if budget.Used() != 0 {
		t.Errorf("%d bytes are used by nobody", budget.Used())
	}
	s.commit(f)
	for _, w := range watchers {
		w.Close()
	}
	if budget.Used() != 0 {
		t.Errorf("%d bytes are used by the closed", budget.Used())
	}

	tiny := NewBudget(1)
	w, err := f.Watch(s, WatchRequest{Namespace: 1, Key: []byte("a"), Budget: tiny})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	s.commit(f)
	if events, _, more := poll(t, w); events != 1 || more {
		t.Error("one event does not fit into an empty budget")
	}
}

// A watcher that lags reads from where the feed's events for it were dropped. What
// was compacted before that it had, although nothing had happened to tell it so.
// Promise D4
func TestLaggingBehindACompaction(t *testing.T) {
	for name, next := range map[string]func(*Watcher) (int, error){
		"polled": func(w *Watcher) (int, error) {
			for {
				if batch, more, err := w.Poll(); len(batch.Events) > 0 || !more || err != nil {
					return len(batch.Events), err
				}
			}
		},
		"waiting": func(w *Watcher) (int, error) {
			batch, err := w.Next(t.Context())
			return len(batch.Events), err
		},
		"asked how far it is": func(w *Watcher) (int, error) {
			w.Progress()
			batch, err := w.Next(t.Context())
			return len(batch.Events), err
		},
	} {
		t.Run(name, func(t *testing.T) {
			f, s := New(1), &shelf{head: 1}
			w, err := f.Watch(s, WatchRequest{Namespace: 1, Key: []byte("a")})
			if err != nil {
				t.Fatal(err)
			}
			defer w.Close()
			s.head, s.compacted = 10, 8
			f.Publish(nil, []Progress{{Namespace: 1, Revision: s.head}}, uint64(s.head))
			s.commit(f)
			s.commit(f) // more than the feed keeps
			if events, err := next(w); events != 2 || err != nil {
				t.Errorf("%d of 2 changes, %v", events, err)
			}
		})
	}
}

// Who lags for longer than a compaction is told so.
func TestLaggingForTooLong(t *testing.T) {
	f, s := New(1), &shelf{head: 1}
	w, err := f.Watch(s, WatchRequest{Namespace: 1, Key: []byte("a")})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	for range 5 {
		s.commit(f)
	}
	s.compacted = s.head
	compacted, ok := errors.AsType[*CompactedError](second(w.Next(t.Context())))
	if !ok || compacted.Revision != s.head {
		t.Errorf("got %v", compacted)
	}
}

func second[A any](_ A, err error) error { return err }
