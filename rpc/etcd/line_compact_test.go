package etcd_test

import (
	"net/http"
	"sync"
	"testing"

	"google.golang.org/grpc"

	"github.com/conclavehq/conclave/rpc"
	"github.com/conclavehq/conclave/rpc/etcd"
	"github.com/conclavehq/conclave/statemachine/feed"
)

// forgetful is a node on which something happens, and is compacted, whenever a
// watch is to begin.
type forgetful struct {
	*site
	mu     sync.Mutex
	before []func()
}

func (f *forgetful) Watch(shard uint64, req feed.WatchRequest) (*feed.Watcher, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.before) > 0 {
		f.before[0]()
		f.before = f.before[1:]
		f.put("other", "")
		f.await(f.compact(f.put("other", "").GetRevision()))
	}
	return f.site.Watch(shard, req)
}

// serveOver serves another cluster on a port of its own.
func serveOver(t *testing.T, c etcd.Cluster) *grpc.ClientConn {
	t.Helper()
	api, err := etcd.New(etcd.Config{Cluster: c})
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	api.Mount(mux)
	web := rpc.HTTPServer(mux)
	l := listen(t)
	served := make(chan struct{})
	go func() {
		_ = web.Serve(l)
		close(served)
	}()
	conn := dial(t, l)
	t.Cleanup(func() {
		_ = conn.Close()
		api.Close()
		_ = web.Close()
		<-served
	})
	return conn
}

// What happens to the key before, or to the own, and is compacted before the wait
// has begun to watch, is not missed.
func TestLockAfterCompaction(t *testing.T) {
	nothing := func() {}
	t.Run("the holder's key is gone", func(t *testing.T) {
		s := newSite(t)
		key := lock(t, s.native, "l", grant(t, s.native, 0, 60).GetID()).GetKey()
		conn := serveOver(t, &forgetful{site: s, before: []func(){nothing, func() { s.remove(string(key)) }}})
		lock(t, conn, "l", grant(t, s.native, 0, 60).GetID())
	})
	t.Run("the holder's key is another one", func(t *testing.T) {
		s := newSite(t)
		key := string(lock(t, s.native, "l", grant(t, s.native, 0, 60).GetID()).GetKey())
		conn := serveOver(t, &forgetful{site: s, before: []func(){nothing, func() { s.remove(key); s.put(key, "") }}})
		lock(t, conn, "l", grant(t, s.native, 0, 60).GetID())
	})
	t.Run("the holder's key is there", func(t *testing.T) {
		s := newSite(t)
		key := lock(t, s.native, "l", grant(t, s.native, 0, 60).GetID()).GetKey()
		conn := serveOver(t, &forgetful{site: s, before: []func(){nothing, nothing, nothing}})
		next := lockLater(within(t), conn, "l", grant(t, s.native, 0, 60).GetID())
		waitLine(t, s.native, "l", 2)
		waits(t, next)
		unlock(t, s.native, key)
		if _, err := take(t, next); err != nil {
			t.Error(err)
		}
	})
	t.Run("the own key is gone", func(t *testing.T) {
		s := newSite(t)
		lock(t, s.native, "l", grant(t, s.native, 0, 60).GetID())
		lease := grant(t, s.native, 0, 60).GetID()
		end := func() {
			if line := lineOf(t, s.native, "l"); len(line) == 2 {
				s.remove(string(line[1].GetKey()))
			}
		}
		conn := serveOver(t, &forgetful{site: s, before: []func(){end, end}})
		_, err := take(t, lockLater(within(t), conn, "l", lease))
		wantError(t, "the wait", errExpired, err)
	})
}
