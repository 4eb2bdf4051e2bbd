package workload

import (
	"testing"
	"time"

	"github.com/conclavehq/conclave/test/faults/history"
)

// Watches that do not tell how far they are come to the head in the end as well.
func TestWatchesComeToTheHead(t *testing.T) {
	node := serve(t)
	records := record(t, Config{Endpoints: node.Endpoints(), EtcdEndpoints: node.EtcdEndpoints(), Seed: 3,
		Only: []history.Workload{history.Registers, history.Counters, history.Watches}}, untilMute)
	validate(t, records)
	var head int64
	opened, told, mute := make(map[int32]history.Record), make(map[int32]int64), make(map[int32]bool)
	drained := 0
	for _, r := range records {
		switch {
		case r.Kind == history.Txn && r.Workload == history.Watches && head == 0:
			head = r.Revision // the first that drainWatches writes
		case r.Kind == history.WatchOpened:
			opened[r.Watcher], told[r.Watcher], mute[r.Watcher] = r, 0, !r.Truth
		case r.Kind == history.WatchProgress:
			mute[r.Watcher] = false
		case r.Kind == history.WatchEvent:
			told[r.Watcher] = r.Revision
		case r.Kind == history.WatchEnded && head > 0 && r.Reason == "CANCELED" && mute[r.Watcher]:
			o := opened[r.Watcher]
			if o.Filter&history.NoPuts != 0 && o.End == "" {
				continue // perhaps of a counter, which nobody deletes
			}
			if drained++; told[r.Watcher] < head {
				t.Errorf("it was told up to %d of %d: %+v", told[r.Watcher], head, o)
			}
		}
	}
	if drained == 0 {
		t.Error("no such watch was open in the end")
	}
}

// untilMute waits until some watches are open that do not tell how far they are.
func untilMute(l *Load) {
	look := time.NewTicker(time.Millisecond)
	defer look.Stop()
	for range look.C {
		mute := 0
		for _, s := range l.slots {
			if w := s.open.Load(); w != nil && w.every == 0 {
				mute++
			}
		}
		if mute >= 6 {
			return
		}
	}
}
