package etcd_test

import (
	"fmt"
	"runtime"
	"testing"
	"time"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/etcdserverpb"
)

var _ = etcdserverpb.File_rpc_proto

func heap() (uint64, int) {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc, runtime.NumGoroutine()
}

func TestMeasureMany(t *testing.T) {
	s := newSite(t)
	for i := range 20000 {
		_ = i
	}
	for _, same := range []bool{true, false} {
		w := openWatch(t, s.native)
		h0, g0 := heap()
		const n = 10000
		t0 := time.Now()
		go func() {
			for i := range n {
				key := fmt.Sprintf("key/number/%d", i)
				if same {
					key = "key"
				}
				w.stream.Send(&pb.WatchRequest{RequestUnion: &pb.WatchRequest_CreateRequest{CreateRequest: &pb.WatchCreateRequest{Key: []byte(key)}}})
			}
		}()
		for range n {
			w.stream.Recv()
		}
		took := time.Since(t0)
		h1, g1 := heap()
		t.Logf("same=%v: %d creates in %v (%v each), %d bytes each, %d goroutines more", same, n, took, took/n, (int64(h1)-int64(h0))/n, g1-g0)
		t0 = time.Now()
		for range 50 {
			write(t, s.native, "key", "v", 0)
		}
		t.Logf("50 puts %v", time.Since(t0))
		if same {
			for range n * 50 {
				r, err := w.stream.Recv()
				if err != nil {
					t.Fatal(err)
				}
				if len(r.Events) == 50 {
					break
				}
			}
			t.Logf("delivered %v", time.Since(t0))
		}
		w.end()
	}
	// resume far behind
	t0 := time.Now()
	for range 300 {
		var ops []*pb.RequestOp
		_ = ops
		write(t, s.native, "x", "y", 0)
	}
	t.Log("writes", time.Since(t0))
}

func TestMeasureResume(t *testing.T) {
	s := newSite(t)
	const revs = 20000
	running := make(chan struct{}, 64)
	for i := range revs {
		running <- struct{}{}
		go func() {
			write(t, s.native, fmt.Sprintf("key/%d", i%1000), "some value", 0)
			<-running
		}()
	}
	for range 64 {
		running <- struct{}{}
	}
	for _, n := range []int{1, 1000} {
		w := openWatch(t, s.native)
		t0 := time.Now()
		go func() {
			for i := range n {
				key := fmt.Sprintf("key/%d", i)
				w.stream.Send(&pb.WatchRequest{RequestUnion: &pb.WatchRequest_CreateRequest{CreateRequest: &pb.WatchCreateRequest{Key: []byte(key), StartRevision: 2}}})
			}
		}()
		events := 0
		for events < n*revs/1000 {
			r, err := w.stream.Recv()
			if err != nil {
				t.Fatal(err)
			}
			events += len(r.Events)
		}
		t.Logf("%d watches over %d revisions: %v", n, revs, time.Since(t0))
		w.end()
	}
}
