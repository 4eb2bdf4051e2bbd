package feed

import (
	"testing"

	logv1 "github.com/conclavehq/conclave/proto/gen/conclave/log/v1"
)

// The tests named TestRegression… are those of docs/regressions.md.

// etcd #15220: progress was told before the events up to it, so who resumed from it
// missed them. While a change is committed and not delivered, the bookmark of its
// watcher stays before it, however often it is asked for, and whichever way.
func TestRegressionEtcd15220ProgressIsNotAheadOfEvents(t *testing.T) {
	f, s := New(8), &shelf{head: 1}
	w, err := f.Watch(s, WatchRequest{Namespace: 1, Key: []byte("a")})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	for revision := int64(2); revision < 20; revision++ {
		s.commit(f)
		for range 2 {
			if got := w.Seen(); got >= revision {
				t.Fatalf("%d is seen before the change of %d is delivered", got, revision)
			}
			if got := w.Progress(); got >= revision {
				t.Fatalf("progress %d before the change of %d is delivered", got, revision)
			}
		}
		batch, err := w.Next(t.Context())
		if err != nil || len(batch.Events) != 1 || batch.Revision != revision || w.Progress() != revision {
			t.Fatalf("%v to %d, progress %d: %v", batch.Events, batch.Revision, w.Progress(), err)
		}
	}
}

// etcd #17529: a watch that was behind while its stream was busy lost events. One that
// takes nothing while many times its buffer is committed is told from the history, in
// order and without a gap, and so is one that starves again in the middle of that.
func TestRegressionEtcd17529StarvedWatchMissesNothing(t *testing.T) {
	f, s := New(4), &shelf{head: 1}
	w, err := f.Watch(s, WatchRequest{Namespace: 1, Key: []byte("a")})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	next := int64(2)
	for _, starved := range []int{3, 50, 1, 5, 200, 4, 4} {
		for range starved {
			s.commit(f)
		}
		for next <= s.head {
			batch, err := w.Next(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			for _, event := range batch.Events {
				if got := event.GetKv().GetModRevision(); got != next {
					t.Fatalf("revision %d is told after %d", got, next-1)
				}
				next++
			}
			if next == s.head {
				s.commit(f)
			}
		}
	}
}

// A change of a key that is in none of the watcher's events carries the bookmark, but
// not past what waits on the subscription: the same rule as #15220, with two keys.
func TestRegressionEtcd15220ProgressBesideOtherKeys(t *testing.T) {
	f, s := New(8), &shelf{head: 1}
	w, err := f.Watch(s, WatchRequest{Namespace: 1, Key: []byte("a")})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	s.commit(f)
	s.head++
	f.Publish([]*logv1.Event{kvEvent(1, s.head, "b")}, []Progress{{Namespace: 1, Revision: s.head}}, uint64(s.head))
	if got := w.Progress(); got != 1 {
		t.Errorf("progress %d while the change of 2 is not delivered", got)
	}
	if batch, err := w.Next(t.Context()); err != nil || len(batch.Events) != 1 || w.Progress() != s.head {
		t.Errorf("%v, progress %d: %v", batch.Events, w.Progress(), err)
	}
}
