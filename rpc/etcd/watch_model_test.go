package etcd

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/mvccpb"

	"github.com/conclavehq/conclave/cluster"
	logv1 "github.com/conclavehq/conclave/proto/gen/conclave/log/v1"
)

// desk serves a stream of watches step by step, and keeps what it sends.
type desk struct {
	t    *testing.T
	fake *fake
	*watchStream
	sent []*pb.WatchResponse
	// told are the changes of each watch, ended who was ended by a compaction.
	told  map[int64][]string
	ended map[int64]int64
}

func newDesk(t *testing.T, buffer int) *desk {
	d := &desk{t: t, fake: newFake(buffer), told: map[int64][]string{}, ended: map[int64]int64{}}
	s := &Server{cluster: d.fake}
	where, _ := d.fake.Namespace(t.Context(), "")
	d.watchStream = newWatchStream(s, where, func(res *pb.WatchResponse) error {
		d.sent = append(d.sent, res)
		if res.GetCanceled() && res.GetCompactRevision() > 0 {
			d.ended[res.GetWatchId()] = res.GetCompactRevision()
		}
		for _, event := range res.GetEvents() {
			d.told[res.GetWatchId()] = append(d.told[res.GetWatchId()], line(event))
			if d.ended[res.GetWatchId()] > 0 {
				t.Errorf("watch %d is told %s after its end", res.GetWatchId(), line(event))
			}
		}
		return nil
	})
	t.Cleanup(func() {
		if d.close(); d.budget.Used() != 0 {
			t.Errorf("%d bytes are still counted after the end", d.budget.Used())
		}
	})
	return d
}

func line(event *mvccpb.Event) string {
	return fmt.Sprintf("%s %s %d", event.GetType(), event.GetKv().GetKey(), event.GetKv().GetModRevision())
}

func (d *desk) open(req *pb.WatchCreateRequest) *pb.WatchResponse {
	d.t.Helper()
	if err := d.take(d.t.Context(), &pb.WatchRequest{RequestUnion: &pb.WatchRequest_CreateRequest{CreateRequest: req}}); err != nil {
		d.t.Fatal(err)
	}
	return d.sent[len(d.sent)-1]
}

// step serves one source, if one is ready.
func (d *desk) step() bool {
	d.t.Helper()
	src := d.ready.take()
	if src == nil {
		return false
	}
	if err := d.serve(src); err != nil {
		d.t.Fatal(err)
	}
	return true
}

func (d *desk) settleDown() {
	d.t.Helper()
	for d.step() {
	}
}

// Whatever is watched from wherever, however slowly it is served: every watch is
// told each change of its keys once, in order, revisions whole, or is told that
// they are forgotten. Promise D4
func TestWatchesAreToldEverythingOnce(t *testing.T) {
	seeds := uint64(100)
	if testing.Short() {
		seeds = 20
	}
	for seed := range seeds {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			random := rand.New(rand.NewPCG(seed, 1))
			d := newDesk(t, 1+random.IntN(8))
			reqs := map[int64]*pb.WatchCreateRequest{}
			from := map[int64]int64{}
			for range 300 {
				switch random.IntN(10) {
				case 0, 1:
					req := randomWatch(random, d.fake.revision)
					res := d.open(req)
					if res.GetHeader().GetRevision() != d.fake.revision {
						t.Fatalf("created at %v, now is %d", res, d.fake.revision)
					}
					reqs[res.GetWatchId()], from[res.GetWatchId()] = req, req.GetStartRevision()
					if req.GetStartRevision() == 0 {
						from[res.GetWatchId()] = d.fake.revision + 1
					}
				case 2:
					if random.IntN(4) == 0 {
						d.fake.compact(d.fake.revision - random.Int64N(20))
					}
				case 3, 4, 5, 6:
					d.fake.commit(randomChanges(random)...)
					if random.IntN(3) > 0 {
						d.fake.tell()
					}
				default:
					d.step()
				}
			}
			d.fake.tell()
			d.settleDown()
			for id, req := range reqs {
				want := d.expect(req, from[id])
				got := d.told[id]
				if compacted := d.ended[id]; compacted > 0 {
					if from[id] >= compacted {
						t.Fatalf("watch %d from %d was ended by a compaction at %d", id, from[id], compacted)
					}
					if got = append(got, "the end"); len(want) < len(got)-1 {
						t.Fatalf("watch %d %v was told %q of %q", id, req, got, want)
					}
					want = append(slices.Clone(want[:len(got)-1]), "the end")
				}
				if diff := cmp.Diff(want, got); diff != "" {
					t.Fatalf("watch %d %v: %s", id, req, diff)
				}
			}
			d.checkResponses()
			d.checkShared()
		})
	}
}

func randomWatch(random *rand.Rand, now int64) *pb.WatchCreateRequest {
	req := &pb.WatchCreateRequest{Key: []byte("a"), RangeEnd: []byte{0}}
	if random.IntN(2) == 0 { // else there are many alike
		req.Key, req.RangeEnd = []byte{byte('a' + random.IntN(3))}, nil
	}
	if random.IntN(2) == 0 {
		req.StartRevision = max(1, now-20+random.Int64N(25))
	}
	if random.IntN(6) == 0 {
		req.Filters = []pb.WatchCreateRequest_FilterType{pb.WatchCreateRequest_FilterType(random.IntN(2))}
	}
	return req
}

func randomChanges(random *rand.Rand) (changes []*logv1.KVEvent) {
	for _, key := range []string{"a", "b", "c", "d"} {
		if random.IntN(3) == 0 {
			changes = append(changes, change(key, strings.Repeat("x", random.IntN(3))))
		}
	}
	return changes
}

// expect is what a watch has to be told.
func (d *desk) expect(req *pb.WatchCreateRequest, from int64) (want []string) {
	kind := kindOf(req)
	for _, change := range d.fake.history {
		event := watchEvents([]*logv1.KVEvent{change})[0]
		put := event.GetType() == mvccpb.Event_PUT
		key := string(change.GetKv().GetKey())
		if (kind.key == key || kind.end != "" && kind.key < key) && change.GetKv().GetModRevision() >= from &&
			!(put && kind.noPut) && !(!put && kind.noDelete) {
			want = append(want, line(event))
		}
	}
	return want
}

// checkResponses checks that revisions are whole and headers not older than what
// they come with.
func (d *desk) checkResponses() {
	last := map[int64]int64{}
	for _, res := range d.sent {
		for _, event := range res.GetEvents() {
			if revision := event.GetKv().GetModRevision(); revision > res.GetHeader().GetRevision() || revision <= last[res.GetWatchId()] {
				d.t.Errorf("revision %d after %d in %v", revision, last[res.GetWatchId()], res)
			}
		}
		if n := len(res.GetEvents()); n > 0 {
			last[res.GetWatchId()] = res.GetHeader().GetRevision()
		}
	}
}

// checkShared checks that alike watches share a source after they caught up and
// a change came.
func (d *desk) checkShared() {
	d.fake.publish(change("a", "1"), change("b", "1"), change("c", "1"), change("a", "1"))
	d.fake.publish(change("a", ""), change("b", ""), change("c", ""), change("a", ""))
	d.settleDown()
	kinds := map[watchKind]int{}
	for src := range d.sources {
		if kinds[src.kind]++; kinds[src.kind] > 1 {
			d.t.Errorf("%d sources tell the same: %+v", kinds[src.kind], src.kind)
		}
		for slot, one := range src.members {
			if one.source != src || one.slot != slot {
				d.t.Errorf("watch %d is at %d of %p, and should be at %d of %p", one.id, one.slot, one.source, slot, src)
			}
		}
	}
	for id, one := range d.watches {
		if one.source == nil && d.ended[id] == 0 {
			d.t.Errorf("watch %d has no source", id)
		}
	}
}

// A client that does not read keeps little in memory, however many watches it
// has; it is caught up from disk and misses nothing.
func TestSlowStreamKeepsLittle(t *testing.T) {
	d := newDesk(t, 0)
	const watches = 50
	for i := range watches {
		d.open(&pb.WatchCreateRequest{Key: []byte{byte(i)}, RangeEnd: []byte{0}})
	}
	d.settleDown()
	for range 40 {
		d.fake.publish(change("k", strings.Repeat("x", 100<<10)))
	}
	if used := d.budget.Used(); used > maxStreamPending || used < 100<<10 {
		t.Errorf("%d bytes wait", used)
	}
	d.settleDown()
	for id := range int64(watches) {
		if len(d.told[id]) != 40 {
			t.Errorf("watch %d was told %d of 40 changes", id, len(d.told[id]))
		}
	}
}

// The stream ends when its feed does, or when the namespace is gone.
func TestWatchStreamEndsWithTheFeed(t *testing.T) {
	d := newDesk(t, 0)
	d.open(&pb.WatchCreateRequest{Key: []byte("a")})
	d.settleDown()
	d.fake.feed.Close()
	src := d.ready.take()
	if src == nil {
		t.Fatal("nobody was told")
	}
	s := &Server{}
	if err := s.explain(context.Background(), d.serve(src)); !strings.Contains(err.Error(), "server stopped") {
		t.Errorf("ended with %v", err)
	}
}

// An error of the stream is not taken for one of the server.
func TestBrokenStream(t *testing.T) {
	gone := errors.New("gone")
	w := newWatchStream(&Server{cluster: newFake(0)}, cluster.Namespace{ID: 1, Shard: 2}, func(*pb.WatchResponse) error { return gone })
	defer w.close()
	var broken brokenStream
	if err := w.create(t.Context(), &pb.WatchCreateRequest{}); !errors.As(err, &broken) || broken.error != gone {
		t.Errorf("got %v", err)
	}
}

// A watch that begins later than another one of its kind does not hold back what
// the other has to be told.
func TestWatchOfTheFarFuture(t *testing.T) {
	d := newDesk(t, 0)
	far := &pb.WatchCreateRequest{Key: []byte("a"), StartRevision: 5}
	near := &pb.WatchCreateRequest{Key: []byte("a"), StartRevision: 3}
	d.open(far)
	d.settleDown()
	d.open(near)
	for range 5 {
		d.settleDown()
		d.fake.publish(change("a", "x"))
	}
	d.settleDown()
	if diff := cmp.Diff(map[int64][]string{0: d.expect(far, 5), 1: d.expect(near, 3)}, d.told); diff != "" {
		t.Error(diff)
	}
	if len(d.sources) != 1 {
		t.Errorf("%d sources tell the same", len(d.sources))
	}
}

// A source that has read from disk what the feed does not tell yet has come
// further than one that follows the feed.
func TestWatchAheadOfTheFeed(t *testing.T) {
	d := newDesk(t, 1)
	all := &pb.WatchCreateRequest{Key: []byte("a")}
	d.open(all)
	d.settleDown()
	d.fake.publish(change("a", "1"))
	d.fake.publish(change("a", "2")) // one too many
	d.step()
	d.open(all)
	d.fake.commit(change("a", "3"))
	d.settleDown()
	d.fake.tell()
	d.settleDown()
	d.fake.publish(change("a", "4"))
	d.settleDown()
	if diff := cmp.Diff(map[int64][]string{0: d.expect(all, 2), 1: d.expect(all, 4)}, d.told); diff != "" {
		t.Error(diff)
	}
}

// A watch that a compaction ended is of the stream until the client cancels it:
// it holds progress back, as with etcd.
func TestEndedWatchHoldsProgressBack(t *testing.T) {
	d := newDesk(t, 0)
	for range 5 {
		d.fake.publish(change("a", "x"))
	}
	d.fake.compact(4)
	d.open(&pb.WatchCreateRequest{Key: []byte("a")})
	ended := d.open(&pb.WatchCreateRequest{Key: []byte("a"), StartRevision: 2}).GetWatchId()
	d.settleDown()
	if d.ended[ended] == 0 {
		t.Fatal("the watch was not ended")
	}
	progress := func() bool {
		before := len(d.sent)
		if err := d.tellProgress(); err != nil {
			t.Fatal(err)
		}
		return len(d.sent) > before
	}
	if progress() {
		t.Errorf("progress is told: %v", d.sent[len(d.sent)-1])
	}
	if err := d.cancel(t.Context(), ended); err != nil {
		t.Fatal(err)
	}
	if !progress() {
		t.Error("progress is not told")
	}
}

// A watch that begins with a commit of which others have not been told yet was answered
// with its revision: progress is not told behind that, but when all are as far (found by
// F18, seed 7). Promise D4
func TestProgressIsNotBehindTheCreation(t *testing.T) {
	for name, key := range map[string]string{"of its own kind": "a", "of another kind": "b"} {
		t.Run(name, func(t *testing.T) {
			d := newDesk(t, 1)
			d.open(&pb.WatchCreateRequest{Key: []byte("a"), ProgressNotify: true})
			d.settleDown()
			d.fake.commit(change("a", "1"))
			created := d.open(&pb.WatchCreateRequest{Key: []byte(key), ProgressNotify: true}).GetHeader().GetRevision()
			d.settleDown()
			begun := len(d.sent)
			tell := func() {
				for range 2 {
					if err := errors.Join(d.tellProgress(), d.notifyProgress()); err != nil {
						t.Fatal(err)
					}
				}
			}
			tell()
			for _, res := range d.sent[begun:] {
				if id := res.GetWatchId(); (id == invalidWatch || id == 1) && res.GetHeader().GetRevision() < created {
					t.Errorf("created at %d, then told progress %v", created, res)
				}
			}
			d.fake.tell()
			d.settleDown()
			tell()
			if last := d.sent[len(d.sent)-1]; last.GetHeader().GetRevision() != created {
				t.Errorf("told %v in the end, not progress to %d", last, created)
			}
		})
	}
}
