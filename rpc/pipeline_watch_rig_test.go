package rpc

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/rs/zerolog"
	"google.golang.org/protobuf/proto"

	conclavev1 "github.com/conclavehq/conclave/proto/gen/conclave/v1"
)

// watchRig is a stream of watches without a network, and what its caller makes
// of it.
type watchRig struct {
	t     *testing.T
	fake  *fake
	pipe  *watchPipe
	from  map[uint64]int64    // the first revision that a watch still wants
	told  map[uint64][]string // changes, as KEY@REVISION
	undue map[uint64]uint64   // the cost that the caller is not done with
	ended map[uint64]*conclavev1.CallError
	// alike has to how many watches each news with changes went.
	alike []int
}

// onWatches runs a test in a bubble with a stream of watches.
func onWatches(t *testing.T, test func(r *watchRig)) {
	synctest.Test(t, func(t *testing.T) {
		f, c, _ := newFake()
		f.publish(put("first", "x")) // forgotten
		ctx, cancel := context.WithCancelCause(t.Context())
		r := &watchRig{
			t: t, fake: f, pipe: newWatchPipe(ctx, c, &edge{core: c, metrics: newMetrics(nil), log: zerolog.Nop()}, nil),
			from: map[uint64]int64{}, told: map[uint64][]string{}, undue: map[uint64]uint64{},
			ended: map[uint64]*conclavev1.CallError{},
		}
		test(r)
		r.pipe.finish(cancel, context.Canceled)
	})
}

func open(id uint64, req *conclavev1.WatchRequest) *conclavev1.WatchCall {
	return &conclavev1.WatchCall{WatchId: id, Watch: req}
}

func (r *watchRig) send(calls ...*conclavev1.WatchCall) {
	r.t.Helper()
	for _, call := range calls {
		if call.GetWatch() != nil {
			r.from[call.GetWatchId()] = call.GetWatch().GetStartRevision()
		}
		r.undue[call.GetWatchId()] -= call.GetDone()
	}
	if err := r.pipe.take(calls); err != nil {
		r.t.Fatal(err)
	}
}

// hear takes everything that there is to hear.
func (r *watchRig) hear() {
	r.t.Helper()
	for {
		synctest.Wait()
		r.pipe.out.mu.Lock()
		quiet := len(r.pipe.out.queue) == 0
		r.pipe.out.mu.Unlock()
		if quiet {
			return
		}
		var message conclavev1.WatchManyResponse
		r.pipe.out.take(&message)
		for _, news := range message.GetNews() {
			r.note(news)
		}
	}
}

func (r *watchRig) note(news *conclavev1.WatchNews) {
	r.t.Helper()
	var res conclavev1.WatchResponse
	if err := proto.Unmarshal(news.GetResponse(), &res); err != nil {
		r.t.Fatal(err)
	}
	if len(res.GetEvents()) > 0 {
		r.alike = append(r.alike, len(news.GetWatchIds()))
	}
	for _, id := range news.GetWatchIds() {
		if news.GetError() != nil {
			r.ended[id] = news.GetError()
		}
		r.undue[id] += news.GetCost()
		for _, event := range res.GetEvents() {
			if at := event.GetKv().GetModRevision(); at >= r.from[id] {
				r.told[id] = append(r.told[id], fmt.Sprintf("%s@%d", event.GetKv().GetKey(), at))
			}
		}
		r.from[id] = max(r.from[id], res.GetRevision()+1)
	}
}

func (r *watchRig) want(id uint64, want string) {
	r.t.Helper()
	if got := strings.Join(r.told[id], " "); got != want {
		r.t.Errorf("watch %d was told %q, want %q", id, got, want)
	}
}
