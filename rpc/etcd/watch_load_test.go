package etcd_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"google.golang.org/grpc"

	"github.com/conclavehq/conclave/rpc/etcd"
)

// Watches that see nothing are told how far they are, those that see something
// are not.
func TestWatchProgressNotify(t *testing.T) {
	s := newSite(t)
	conn := s.also(etcd.Config{ProgressEvery: 20 * time.Millisecond})
	w := openWatch(t, conn)
	for _, req := range []*pb.WatchCreateRequest{
		{Key: []byte("a"), ProgressNotify: true},
		{Key: []byte("b")},
		{Key: []byte("a"), StartRevision: 4, ProgressNotify: true},
	} {
		w.create(req)
	}
	notified := func() *pb.WatchResponse {
		t.Helper()
		for {
			if res := w.next(); len(res.GetEvents()) == 0 {
				return res
			}
		}
	}
	for range 3 {
		if res := notified(); res.GetWatchId() != 0 || res.GetHeader().GetRevision() != 1 {
			t.Fatalf("notified: %v", res)
		}
	}
	write(t, conn, "other", "2", 0)
	write(t, conn, "other", "3", 0)
	for notified().GetHeader().GetRevision() != 3 {
	}
	write(t, conn, "b", "4", 0)
	seen := map[int64]bool{}
	for len(seen) < 2 {
		if res := notified(); res.GetHeader().GetRevision() == 4 {
			seen[res.GetWatchId()] = true
		}
	}
	if seen[1] {
		t.Error("told who did not ask")
	}
}

// writers change keys in transactions until they have made so many, each of one
// or more keys.
func writers(t *testing.T, conn *grpc.ClientConn, many, each int) *sync.WaitGroup {
	var running sync.WaitGroup
	for i := range many {
		running.Go(func() {
			random := rand.New(rand.NewPCG(uint64(i), 7))
			for n := range each {
				var ops []*pb.RequestOp
				for _, key := range random.Perm(10)[:1+random.IntN(3)] {
					name := fmt.Appendf(nil, "k%d", key)
					if random.IntN(4) == 0 {
						ops = append(ops, &pb.RequestOp{Request: &pb.RequestOp_RequestDeleteRange{
							RequestDeleteRange: &pb.DeleteRangeRequest{Key: name},
						}})
						continue
					}
					ops = append(ops, &pb.RequestOp{Request: &pb.RequestOp_RequestPut{
						RequestPut: &pb.PutRequest{Key: name, Value: fmt.Appendf(nil, "%d/%d", i, n)},
					}})
				}
				if _, err := pb.NewKVClient(conn).Txn(within(t), &pb.TxnRequest{Success: ops}); err != nil {
					t.Errorf("transaction: %v", err)
					return
				}
			}
		})
	}
	return &running
}

// collect hears a watch until its last change, and returns all of its changes.
func collect(t *testing.T, conn *grpc.ClientConn, req *pb.WatchCreateRequest, last string) (from int64, told []string) {
	t.Helper()
	w := openWatch(t, conn)
	defer w.end()
	if from = w.create(req).GetHeader().GetRevision() + 1; req.GetStartRevision() > 0 {
		from = req.GetStartRevision()
	}
	for n := 0; n == 0 || !strings.HasPrefix(w.told[0][n-1], last); n = len(w.told[0]) {
		w.next()
	}
	return from, w.told[0]
}

// While many write at once, each watch is told all of its changes, once, in
// order, with the versions before. Promise D4
func TestWatchBesideWriters(t *testing.T) {
	s := newSite(t)
	running := writers(t, s.native, 4, 150)
	type heard struct {
		req  *pb.WatchCreateRequest
		from int64
		told []string
	}
	random := rand.New(rand.NewPCG(1, 2))
	var listening sync.WaitGroup
	results := make([]heard, 16)
	for i := range results {
		conn := s.native
		if i%2 == 0 {
			conn = s.connect
		}
		req := &pb.WatchCreateRequest{Key: []byte("k"), RangeEnd: []byte("l"), PrevKv: i%3 == 0, StartRevision: 2 * int64(i%4)}
		if i%4 == 3 {
			req.Key, req.RangeEnd = fmt.Appendf(nil, "k%d", random.IntN(10)), []byte{0}
		}
		listening.Go(func() {
			from, told := collect(t, conn, req, "klast=")
			results[i] = heard{req, from, told}
		})
	}
	running.Wait()
	write(t, s.native, "klast", "x", 0)
	listening.Wait()

	for _, r := range results {
		_, want := collect(t, s.native, &pb.WatchCreateRequest{
			Key: r.req.GetKey(), RangeEnd: r.req.GetRangeEnd(), PrevKv: r.req.GetPrevKv(), StartRevision: max(r.from, 1),
		}, "klast=")
		if diff := cmp.Diff(want, r.told); diff != "" {
			t.Errorf("%v: (-afterwards +live) %s", r.req, diff)
		}
	}
}

// A client goes on where it was on another node, when the first one is gone.
func TestWatchGoesOnElsewhere(t *testing.T) {
	sites := newSites(t, 3)
	leader, other := led(t, sites)
	running := writers(t, leader.native, 2, 100)
	w := openWatch(t, other.native)
	w.create(&pb.WatchCreateRequest{Key: []byte("k"), RangeEnd: []byte("l"), StartRevision: 1})
	for len(w.told[0]) < 50 {
		w.next()
	}
	other.stop()
	for {
		if _, err := w.stream.Recv(); err != nil {
			break // what came after the 50th is told again
		}
	}
	told, next := w.told[0], w.through[0]+1
	running.Wait()
	write(t, leader.native, "klast", "x", 0)
	for _, s := range sites {
		if s == other {
			continue
		}
		_, rest := collect(t, s.connect, &pb.WatchCreateRequest{Key: []byte("k"), RangeEnd: []byte("l"), StartRevision: next}, "klast=")
		_, want := collect(t, s.native, &pb.WatchCreateRequest{Key: []byte("k"), RangeEnd: []byte("l"), StartRevision: 1}, "klast=")
		if diff := cmp.Diff(want, append(told[:len(told):len(told)], rest...)); diff != "" {
			t.Errorf("(-all +in two parts) %s", diff)
		}
	}
}

// A client that does not read holds up nobody, and misses nothing.
func TestSlowWatchHoldsNobodyUp(t *testing.T) {
	const changes, size = 200, 100 << 10
	s := newSite(t)
	var slow []*watching
	for _, conn := range s.ports() {
		w := openWatch(t, conn)
		w.create(&pb.WatchCreateRequest{Key: []byte("k"), RangeEnd: []byte{0}})
		slow = append(slow, w)
	}
	quick := openWatch(t, s.native)
	quick.create(&pb.WatchCreateRequest{Key: []byte("k"), RangeEnd: []byte{0}})
	value := strings.Repeat("x", size)
	for i := range changes {
		write(t, s.native, fmt.Sprintf("k%d", i), value, 0)
		quick.wait(1)
	}
	for _, w := range slow {
		for i, got := range w.wait(changes) {
			if !strings.HasPrefix(got, fmt.Sprintf("k%d=", i)) {
				t.Fatalf("change %d is %.20s", i, got)
			}
		}
	}
}

// Thousands of watches of one client share a goroutine and, if they are alike,
// what they are told.
func TestManyWatches(t *testing.T) {
	many := 4000
	if testing.Short() {
		many = 400
	}
	s := newSite(t)
	w := openWatch(t, s.native)
	go func() {
		for i := range many {
			req := &pb.WatchCreateRequest{Key: fmt.Appendf(nil, "k%d", i%(many/2)), WatchId: int64(i + 1)}
			if w.stream.Send(&pb.WatchRequest{RequestUnion: &pb.WatchRequest_CreateRequest{CreateRequest: req}}) != nil {
				return
			}
		}
	}()
	for i := range many {
		if res := w.next(); !res.GetCreated() || res.GetWatchId() != int64(i+1) {
			t.Fatalf("answer %d: %v", i, res)
		}
	}
	for i := range 20 {
		write(t, s.native, fmt.Sprintf("k%d", i), "v", 0)
	}
	for i := range 20 {
		w.waitFor(int64(i+1), 1)
		w.waitFor(int64(i+1+many/2), 1)
	}
	w.end()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if _, err := pb.NewKVClient(s.native).Range(ctx, &pb.RangeRequest{Key: []byte("k0")}); err != nil {
		t.Error(err)
	}
}
