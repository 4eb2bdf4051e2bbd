package main

import (
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
)

// gcRoom is how much a server allocates at least between two garbage collections.
// Most of what a node allocates lives as long as a request, and little lives
// longer: with Go's default, which lets the heap double, a small node under load
// collects its 10 MiB ten times a second and spends a fifth of its time on that.
const gcRoom = 64 << 20

// leaveGCRoom keeps the heap from being collected before gcRoom is used. Where
// GOGC is set, that counts. It is for a process of the server's own.
func leaveGCRoom() {
	if os.Getenv("GOGC") == "" {
		setGCRoom(0)
	}
}

// setGCRoom sets the runtime's percentage for the heap that is live now, and comes
// again after the next collection.
func setGCRoom(current int) {
	// What Go's goal is a percentage of.
	scanned := []metrics.Sample{
		{Name: "/gc/heap/live:bytes"}, {Name: "/gc/scan/stack:bytes"}, {Name: "/gc/scan/globals:bytes"},
	}
	metrics.Read(scanned)
	var live uint64
	for _, s := range scanned {
		live += s.Value.Uint64()
	}
	percent := gcPercent(live)
	if percent != current {
		debug.SetGCPercent(percent)
	}
	next := new([2]*int) // not tiny, so that nothing else keeps it
	runtime.AddCleanup(next, setGCRoom, percent)
}

// gcPercent is how much the heap may grow, in steps, so that it seldom changes. From
// gcRoom on it is Go's default.
func gcPercent(live uint64) int {
	const step = 50
	percent := gcRoom * 100 / max(live, gcRoom/16) / step * step
	return int(max(percent, 100))
}
