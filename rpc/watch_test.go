package rpc

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/conclavehq/conclave/cluster"
	logv1 "github.com/conclavehq/conclave/proto/gen/conclave/log/v1"
	conclavev1 "github.com/conclavehq/conclave/proto/gen/conclave/v1"
)

var allKeys = &conclavev1.Span{Extent: &conclavev1.Span_Prefix{Prefix: true}}

// revisions makes events: sizes[i] bytes of value each, at revs[i].
func revisions(size int, revs ...int64) []*logv1.KVEvent {
	var events []*logv1.KVEvent
	for _, rev := range revs {
		events = append(events, &logv1.KVEvent{Kv: &logv1.KeyValue{
			Key: []byte("k"), Value: make([]byte, size), ModRevision: rev,
		}})
	}
	return events
}

func repeated(rev int64, n int) []int64 {
	revs := make([]int64, n)
	for i := range revs {
		revs[i] = rev
	}
	return revs
}

// Promise D4: a revision is in one message, and a message never says that a
// revision is complete before it is.
func TestPack(t *testing.T) {
	for _, test := range []struct {
		name   string
		events []*logv1.KVEvent
		want   string
	}{
		{"few", revisions(1, 5, 6, 6), "3 to 9"},
		{"full by count", revisions(1, append(repeated(5, 999), 6, 6, 7)...), "999 to 5, 3 to 9"},
		{"exactly full", revisions(1, append(repeated(5, 998), 6, 6)...), "1000 to 9"},
		{"full by size", revisions(400<<10, 5, 6, 7, 8), "2 to 6, 2 to 9"},
		{"a revision alone is too large", revisions(1, append(repeated(5, 2500), 6)...), "1000 to 4, 1000 to 4, 500 to 5, 1 to 9"},
		{"an event alone is too large", revisions(2<<20, 5, 6), "1 to 5, 1 to 9"},
		{"the last revision is too large", revisions(1, append([]int64{4}, repeated(5, 1001)...)...), "1 to 4, 1000 to 4, 1 to 9"},
	} {
		var got string
		err := pack(test.events, 9, func(m *conclavev1.WatchResponse) error {
			if got != "" {
				got += ", "
			}
			got += fmt.Sprintf("%d to %d", len(m.GetEvents()), m.GetRevision())
			return nil
		})
		if err != nil || got != test.want {
			t.Errorf("%s: %s, want %s", test.name, got, test.want)
		}
	}
}

// watching runs a watch and hands its messages on.
func watching(ctx context.Context, c *core, req *conclavev1.WatchRequest) (<-chan *conclavev1.WatchResponse, <-chan error) {
	messages, ended := make(chan *conclavev1.WatchResponse, 100), make(chan error, 1)
	go func() {
		ended <- watchHandler{c}.watch(ctx, req, func(m *conclavev1.WatchResponse) error {
			messages <- m
			return nil
		})
	}()
	return messages, ended
}

func TestWatchFromNow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, c, _ := newFake()
		for range 3 {
			f.publish(put("old", "x"))
		}
		ctx, cancel := context.WithCancel(t.Context())
		messages, ended := watching(ctx, c, &conclavev1.WatchRequest{Span: allKeys})
		if first := <-messages; first.GetRevision() != 3 || len(first.GetEvents()) != 0 {
			t.Errorf("the first message is %v, want the revision to start from", first)
		}
		synctest.Wait()
		f.publish(put("a", "1"), put("b", "2"))
		if m := <-messages; m.GetRevision() != 4 || len(m.GetEvents()) != 2 || m.GetEvents()[1].GetKv().GetKey() != "b" {
			t.Errorf("change: %v", m)
		}
		cancel()
		if err := <-ended; connectError(err).Code().String() != "canceled" {
			t.Errorf("ended with %v", err)
		}
	})
}

// A watch from now asks the cluster what now is: this node may be behind what
// the caller has seen elsewhere.
func TestWatchFromNowIsLinearizable(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, c, _ := newFake()
		f.publish(put("a", "1"))
		f.query = func(_ context.Context, read cluster.ReadOptions, _ *logv1.Query) (*logv1.Answer, error) {
			if read.Serializable {
				t.Error("now was read from this node's state alone")
			}
			f.publish(put("b", "2")) // what was acknowledged elsewhere arrives
			return &logv1.Answer{Revision: 2}, nil
		}
		messages, _ := watching(t.Context(), c, &conclavev1.WatchRequest{Span: allKeys})
		if first := <-messages; first.GetRevision() != 2 {
			t.Errorf("starts after %d, want 2", first.GetRevision())
		}
	})
}

func TestWatchProgress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, c, _ := newFake()
		f.publish(put("a", "0"))
		messages, _ := watching(t.Context(), c, &conclavev1.WatchRequest{
			Span: &conclavev1.Span{Key: "a"}, ProgressEvery: durationpb.New(time.Minute),
		})
		<-messages
		synctest.Wait()
		f.publish(put("b", "1")) // another key
		began := time.Now()
		if m := <-messages; m.GetRevision() != 2 || len(m.GetEvents()) != 0 || time.Since(began) != time.Minute {
			t.Errorf("bookmark %v after %v", m, time.Since(began))
		}
		f.publish(put("a", "2"))
		if m := <-messages; m.GetRevision() != 3 || len(m.GetEvents()) != 1 {
			t.Errorf("change: %v", m)
		}
	})
}

func TestWatchEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, c, _ := newFake()
		f.publish(put("a", "1"))
		_, ended := watching(t.Context(), c, &conclavev1.WatchRequest{Span: allKeys, StartRevision: 1})
		err := <-ended
		if reasonOf(err) != "COMPACTED" || explain(err).info.GetRevision() != 2 {
			t.Errorf("ended with %v", err)
		}
		_, ended = watching(t.Context(), c, &conclavev1.WatchRequest{Span: allKeys})
		synctest.Wait()
		f.feed.Close()
		if err := <-ended; reasonOf(err) != "SHUTTING_DOWN" {
			t.Errorf("ended with %v", err)
		}
	})
}

func TestWatchFromTheFuture(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, c, _ := newFake()
		f.publish(put("a", "1"))
		messages, _ := watching(t.Context(), c, &conclavev1.WatchRequest{Span: allKeys, StartRevision: 4})
		if first := <-messages; first.GetRevision() != 1 {
			t.Errorf("says that %d has been told, and it has not happened", first.GetRevision())
		}
		synctest.Wait()
		for range 3 {
			f.publish(put("a", "x"))
		}
		if m := <-messages; m.GetRevision() != 4 || len(m.GetEvents()) != 1 {
			t.Errorf("%v, want the change of revision 4 alone", m)
		}
	})
}

func TestPollWatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, c, drain := newFake()
		poll := func(start int64, wait time.Duration) (*conclavev1.PollWatchResponse, error) {
			return watchHandler{c}.PollWatch(t.Context(), &conclavev1.PollWatchRequest{
				Span: allKeys, StartRevision: start, Wait: durationpb.New(wait),
			})
		}
		f.publish(put("a", "1"))
		f.publish(put("a", "2"))
		now, err := poll(0, 0)
		if err != nil || len(now.GetEvents()) != 0 || now.GetNextRevision() != 3 {
			t.Fatalf("now: %v, %v", now, err)
		}
		past, err := poll(2, 0)
		if err != nil || len(past.GetEvents()) != 1 || past.GetNextRevision() != 3 {
			t.Fatalf("past: %v, %v", past, err)
		}
		began := time.Now()
		none, err := poll(3, time.Minute)
		if err != nil || len(none.GetEvents()) != 0 || none.GetNextRevision() != 3 || time.Since(began) != time.Minute {
			t.Fatalf("no news: %v, %v after %v", none, err, time.Since(began))
		}
		time.AfterFunc(time.Second, func() { f.publish(put("b", "3")) })
		news, err := poll(none.GetNextRevision(), time.Minute)
		if err != nil || len(news.GetEvents()) != 1 || news.GetNextRevision() != 4 {
			t.Fatalf("news: %v, %v", news, err)
		}
		time.AfterFunc(time.Second, drain)
		if _, err := poll(4, time.Minute); reasonOf(err) != "SHUTTING_DOWN" {
			t.Errorf("drained: %v", err)
		}
	})
}
