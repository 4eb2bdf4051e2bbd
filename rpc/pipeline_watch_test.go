package rpc

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	conclavev1 "github.com/conclavehq/conclave/proto/gen/conclave/v1"
)

// Watches of the same keys are told once for all, also when they did not begin
// together; each gets what it asked for.
func TestWatchManyTellsAlikeOnce(t *testing.T) {
	onWatches(t, func(r *watchRig) {
		all := &conclavev1.WatchRequest{Span: allKeys}
		r.send(open(1, all), open(2, all), open(3, &conclavev1.WatchRequest{Span: &conclavev1.Span{Key: "b"}}))
		r.hear()
		r.fake.publish(put("a", "1"))
		r.hear()
		r.send(open(4, all), open(5, &conclavev1.WatchRequest{Span: allKeys, StartRevision: 2}),
			open(6, &conclavev1.WatchRequest{Span: allKeys, StartRevision: 4}))
		r.hear()
		r.fake.publish(put("b", "2"))
		r.hear()
		r.alike = nil
		r.fake.publish(put("a", "3"), put("c", "3"))
		r.hear()
		for _, id := range []uint64{1, 2, 5} {
			r.want(id, "a@2 b@3 a@4 c@4")
		}
		r.want(3, "b@3")
		r.want(4, "b@3 a@4 c@4")
		r.want(6, "a@4 c@4")
		// The sixth begins here, so it may still be told by itself, before or after.
		if most := slices.Max(r.alike); most != 4 && most != 5 {
			t.Errorf("the changes went to so many watches at a time: %v", r.alike)
		}
	})
}

func TestWatchManyEndsOne(t *testing.T) {
	onWatches(t, func(r *watchRig) {
		all := &conclavev1.WatchRequest{Span: allKeys}
		r.send(open(1, all), open(2, all),
			open(3, &conclavev1.WatchRequest{Span: allKeys, StartRevision: 1}),
			open(4, &conclavev1.WatchRequest{Span: allKeys, NoPuts: true, NoDeletes: true}),
			open(5, &conclavev1.WatchRequest{Namespace: "none", Span: allKeys}))
		r.hear()
		r.send(&conclavev1.WatchCall{WatchId: 2, Cancel: true}, &conclavev1.WatchCall{WatchId: 9, Cancel: true})
		r.fake.publish(put("a", "1"))
		r.hear()
		r.want(1, "a@2")
		r.want(2, "")
		for id, want := range map[uint64]string{3: "COMPACTED", 4: "INVALID_ARGUMENT", 5: "NAMESPACE_NOT_FOUND"} {
			if got := r.ended[id].GetInfo().GetReason().String(); got != "ERROR_REASON_"+want {
				t.Errorf("watch %d ended with %v, want %s", id, r.ended[id], want)
			}
		}
		if err := r.pipe.take([]*conclavev1.WatchCall{open(1, all)}); err == nil {
			t.Error("a watch took the id of another one")
		}
	})
}

// A watch whose caller is slow stays behind by itself, costs no memory, and
// misses nothing. Promise D4
func TestWatchManySlowWatch(t *testing.T) {
	onWatches(t, func(r *watchRig) {
		all := &conclavev1.WatchRequest{Span: allKeys}
		r.send(open(1, all), open(2, all))
		r.hear()
		const changes = 40
		for range changes {
			r.fake.publish(put("a", strings.Repeat("x", 100<<10)))
			r.hear()
			r.send(&conclavev1.WatchCall{WatchId: 2, Done: r.undue[2]})
		}
		if len(r.told[2]) != changes {
			t.Errorf("the other watch was told %d of %d changes", len(r.told[2]), changes)
		}
		if n := len(r.told[1]); n < 10 || n > 11 {
			t.Errorf("the slow one was told %d changes of 100 KiB, want 1 MiB", n)
		}
		r.send(&conclavev1.WatchCall{WatchId: 1, Done: r.undue[1] - 1})
		r.hear()
		r.send(&conclavev1.WatchCall{WatchId: 1, Done: r.undue[1]})
		r.hear()
		r.fake.publish(put("b", "y"))
		r.hear()
		r.send(&conclavev1.WatchCall{WatchId: 1, Done: r.undue[1]})
		r.hear()
		if diff := cmp.Diff(r.told[2], r.told[1]); diff != "" {
			t.Error(diff)
		}
	})
}

// Whenever watches begin, stop reading and go on: each is told every change
// once, in order. Promise D4
func TestWatchManyTellsEveryChangeOnce(t *testing.T) {
	seeds := uint64(6)
	if testing.Short() {
		seeds = 2
	}
	for seed := range seeds {
		onWatches(t, func(r *watchRig) {
			random := rand.New(rand.NewPCG(seed, 0))
			started := map[uint64]int64{}
			for range 200 {
				id := random.Uint64N(12) + 1
				switch _, known := started[id]; {
				case random.IntN(2) == 0:
					r.fake.publish(put("a", strings.Repeat("x", random.IntN(200<<10))))
				case !known:
					started[id] = 2 + random.Int64N(r.fake.revision+3)
					r.send(open(id, &conclavev1.WatchRequest{Span: allKeys, StartRevision: started[id]}))
				case random.IntN(3) == 0:
					r.hear()
				default:
					r.send(&conclavev1.WatchCall{WatchId: id, Done: r.undue[id]})
				}
			}
			for range 40 { // let all of them catch up
				r.hear()
				for id := range started {
					r.send(&conclavev1.WatchCall{WatchId: id, Done: r.undue[id]})
				}
			}
			for id, from := range started {
				var want []string
				for at := from; at <= r.fake.revision; at++ {
					want = append(want, fmt.Sprintf("a@%d", at))
				}
				if diff := cmp.Diff(want, r.told[id]); diff != "" {
					t.Fatalf("seed %d, watch %d: %s", seed, id, diff)
				}
			}
		})
	}
}
