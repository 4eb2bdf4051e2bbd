package clientv3

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/conclavehq/conclave/test/compat/rig"
	"go.etcd.io/etcd/api/v3/mvccpb"
	clientv3 "go.etcd.io/etcd/client/v3"
)

// next is the next answer of a watch with events. It fails the test when the
// watch ends.
func next(t *testing.T, watch clientv3.WatchChan) clientv3.WatchResponse {
	t.Helper()
	for {
		select {
		case r, ok := <-watch:
			if !ok || r.Err() != nil {
				t.Fatalf("the watch has ended: %v", r.Err())
			}
			if len(r.Events) > 0 {
				return r
			}
		case <-t.Context().Done():
			t.Fatal(context.Cause(t.Context()))
		}
	}
}

// events collects n events, each as "PUT key=value@revision".
func events(t *testing.T, watch clientv3.WatchChan, n int) []string {
	t.Helper()
	var all []string
	for len(all) < n {
		for _, e := range next(t, watch).Events {
			_, name, _ := strings.Cut(string(e.Kv.Key), t.Name()+"/")
			all = append(all, fmt.Sprintf("%s %s=%s@%d", e.Type, name, e.Kv.Value, e.Kv.ModRevision))
		}
	}
	return all
}

func testWatchHistory(t *testing.T, s site) {
	c, ctx := s.client(t), rig.Within(t, rig.Patience)
	prefix := key(t, "")
	first, err := c.Put(ctx, prefix+"a", "1")
	if err != nil {
		t.Fatal(err)
	}
	at := first.Header.Revision
	both, err := c.Txn(ctx).Then(clientv3.OpPut(prefix+"a", "2"), clientv3.OpPut(prefix+"b", "2")).Commit()
	if err != nil {
		t.Fatal(err)
	}
	// Both events of a transaction come at once, with what was before them.
	watch := c.Watch(ctx, prefix, clientv3.WithPrefix(), clientv3.WithRev(both.Header.Revision), clientv3.WithPrevKV())
	r := next(t, watch)
	if len(r.Events) != 2 || string(r.Events[0].PrevKv.GetValue()) != "1" || !r.Events[1].IsCreate() || r.Events[1].PrevKv != nil {
		t.Errorf("a transaction is seen as %v", r.Events)
	}
	gone, err := c.Delete(ctx, prefix+"a")
	if err != nil {
		t.Fatal(err)
	}
	r = next(t, watch)
	e := r.Events[0]
	if e.Type != mvccpb.DELETE || e.Kv.ModRevision != gone.Header.Revision || e.Kv.Version != 0 || string(e.PrevKv.Value) != "2" || r.Header.Revision < e.Kv.ModRevision {
		t.Errorf("a deletion is seen as %v", r)
	}
	got := events(t, c.Watch(ctx, prefix+"a", clientv3.WithRev(at)), 3)
	want := fmt.Sprintf("PUT a=1@%d PUT a=2@%d DELETE a=@%d", at, both.Header.Revision, gone.Header.Revision)
	if strings.Join(got, " ") != want {
		t.Errorf("the history is %q, want %q", got, want)
	}
}

// Many watches of one client, each of which sees its own keys only.
func testWatchMany(t *testing.T, s site) {
	c, ctx := s.client(t), rig.Within(t, rig.Patience)
	const watches, changes = 50, 5
	var all []clientv3.WatchChan
	for i := range watches {
		all = append(all, c.Watch(ctx, key(t, fmt.Sprintf("%02d", i)), clientv3.WithCreatedNotify()))
	}
	for i, watch := range all {
		if r := <-watch; !r.Created {
			t.Fatalf("watch %d begins with %v", i, r)
		}
	}
	for change := range changes {
		var puts []clientv3.Op
		for i := range watches {
			puts = append(puts, clientv3.OpPut(key(t, fmt.Sprintf("%02d", i)), fmt.Sprint(change)))
		}
		if _, err := c.Txn(ctx).Then(puts...).Commit(); err != nil {
			t.Fatal(err)
		}
	}
	for i, watch := range all {
		var values string
		for _, e := range events(t, watch, changes) {
			if !strings.HasPrefix(e, fmt.Sprintf("PUT %02d=", i)) {
				t.Fatalf("watch %d sees %s", i, e)
			}
			values += e[len("PUT 00="):][:1]
		}
		if values != "01234" {
			t.Errorf("watch %d sees %s", i, values)
		}
	}
}

func testWatchOptions(t *testing.T, s site) {
	c, ctx := s.client(t), rig.Within(t, rig.Patience)
	k := key(t, "k")
	put, err := c.Put(ctx, k, "1")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Delete(ctx, k); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Put(ctx, k, "2"); err != nil {
		t.Fatal(err)
	}
	at := clientv3.WithRev(put.Header.Revision)
	if got := events(t, c.Watch(ctx, k, at, clientv3.WithFilterDelete()), 2); !strings.HasPrefix(got[1], "PUT k=2") {
		t.Errorf("without deletions: %q", got)
	}
	if got := events(t, c.Watch(ctx, k, at, clientv3.WithFilterPut()), 1); !strings.HasPrefix(got[0], "DELETE") {
		t.Errorf("without puts: %q", got)
	}
	// From what is to come, by a revision that is not there yet.
	future := c.Watch(ctx, k, clientv3.WithRev(put.Header.Revision+1_000_000), clientv3.WithCreatedNotify())
	if r := <-future; !r.Created {
		t.Errorf("a watch of the future begins with %v", r)
	}
	// A watch that ends does not end the others of its stream.
	short, stop := context.WithCancel(ctx)
	ended := c.Watch(short, k, clientv3.WithCreatedNotify())
	goesOn := c.Watch(ctx, k, clientv3.WithCreatedNotify())
	<-ended
	<-goesOn
	stop()
	for range ended { // until it is closed
	}
	if _, err := c.Put(ctx, k, "3"); err != nil {
		t.Fatal(err)
	}
	if got := events(t, goesOn, 1); !strings.HasPrefix(got[0], "PUT k=3") {
		t.Errorf("the other watch sees %q", got)
	}
	empty := <-c.Watch(ctx, "b", clientv3.WithRange("a"))
	if !empty.Canceled || empty.Err() == nil || !strings.Contains(empty.Err().Error(), "range is empty") {
		t.Errorf("a watch of an empty range: %v, %v", empty, empty.Err())
	}
}

// Events that are too large for one message are put together again.
func testWatchFragments(t *testing.T, s site) {
	c, ctx := s.client(t), rig.Within(t, rig.Patience)
	prefix := key(t, "")
	var first int64
	for i := range 4 {
		var puts []clientv3.Op
		for j := range 4 {
			puts = append(puts, clientv3.OpPut(fmt.Sprintf("%s%d%d", prefix, i, j), strings.Repeat("x", 300_000)))
		}
		put, err := c.Txn(ctx).Then(puts...).Commit()
		if err != nil {
			t.Fatal(err)
		}
		if first == 0 {
			first = put.Header.Revision
		}
	}
	watch := c.Watch(ctx, prefix, clientv3.WithPrefix(), clientv3.WithRev(first), clientv3.WithFragment())
	for seen := 0; seen < 16; {
		r := next(t, watch)
		for i, e := range r.Events {
			if want := fmt.Sprintf("%s%d%d", prefix, (seen+i)/4, (seen+i)%4); string(e.Kv.Key) != want || len(e.Kv.Value) != 300_000 {
				t.Fatalf("event %d is %s with %d bytes, want %s", seen+i, e.Kv.Key, len(e.Kv.Value), want)
			}
		}
		if seen += len(r.Events); seen%4 != 0 {
			t.Fatalf("a revision was taken apart after %d events", seen)
		}
	}
}

func testWatchProgress(t *testing.T, s site) {
	c, ctx := s.client(t), rig.Within(t, rig.Patience)
	k := key(t, "k")
	watch := c.Watch(ctx, k, clientv3.WithCreatedNotify())
	<-watch
	put, err := c.Put(ctx, key(t, "other"), "x")
	if err != nil {
		t.Fatal(err)
	}
	for {
		// The request is dropped while a watch of the stream is behind.
		if err := c.RequestProgress(ctx); err != nil {
			t.Fatal(err)
		}
		r, ok := <-watch
		if !ok || !r.IsProgressNotify() {
			t.Fatalf("got %v", r)
		}
		if r.Header.Revision >= put.Header.Revision {
			return
		}
	}
}
