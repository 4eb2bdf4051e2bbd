package main

import (
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"testing"
)

func TestGCPercent(t *testing.T) {
	for live, want := range map[uint64]int{
		0:         1600,
		1 << 20:   1600,
		8 << 20:   800,
		20 << 20:  300,
		64 << 20:  100,
		900 << 20: 100,
	} {
		if got := gcPercent(live); got != want {
			t.Errorf("with %d MiB: %d %%, want %d %%", live>>20, got, want)
		}
	}
}

// The room follows the heap from collection to collection.
func TestGCRoomFollowsTheHeap(t *testing.T) {
	before := debug.SetGCPercent(100)
	t.Cleanup(func() { debug.SetGCPercent(before) })
	runtime.GC() // what earlier tests have left
	setGCRoom(0)
	percent := func() uint64 {
		now := []metrics.Sample{{Name: "/gc/gogc:percent"}}
		metrics.Read(now)
		return now[0].Value.Uint64()
	}
	if got := percent(); got < 200 {
		t.Fatalf("%d %% with a small heap", got)
	}
	large := make([]byte, 2*gcRoom)
	for percent() != 100 {
		if t.Context().Err() != nil {
			t.Fatal("the heap has grown, and the room has not followed")
		}
		runtime.GC()
	}
	runtime.KeepAlive(large)
}
