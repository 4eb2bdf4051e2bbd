package measure

import (
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// Result is what one window of one system came to. Times are in milliseconds in
// JSON as they are in tables.
type Result struct {
	// Rate is operations per second.
	Rate float64 `json:"ops_per_second"`
	// P50, P99 and P999 are of the operations' durations; 0 when a workload does
	// not time single operations.
	P50  float64 `json:"p50_ms"`
	P99  float64 `json:"p99_ms"`
	P999 float64 `json:"p999_ms"`
	// CPU is seconds of processor time of the servers per 10,000 operations, and
	// ClientCPU that of the load generator, which shares the machine.
	CPU       float64 `json:"cpu_seconds_per_10k"`
	ClientCPU float64 `json:"client_cpu_seconds_per_10k"`
	// Memory is the largest resident size of the servers together, in MiB.
	Memory float64 `json:"peak_mib"`
	// Errors counts what failed; FirstError is one of them.
	Errors     int64  `json:"errors"`
	FirstError string `json:"first_error,omitempty"`
	// Extra are figures that only this workload has, by name.
	Extra map[string]float64 `json:"extra,omitempty"`
}

// Longest is the longest duration that is told apart.
const longest = 5 * time.Minute

// Result sums the lanes up. It is called when all workers have ended.
func (w *Window) Result() Result {
	w.mu.Lock()
	defer w.mu.Unlock()
	histogram := hdrhistogram.New(int64(time.Microsecond), int64(longest), 3)
	var count int64
	for _, l := range w.lanes {
		count += l.count
		for _, took := range l.took {
			// A value within the bounds is never refused.
			_ = histogram.RecordValue(int64(min(max(took, time.Microsecond), longest)))
		}
	}
	r := Result{Errors: w.failures}
	if w.first != nil {
		r.FirstError = w.first.Error()
	}
	if w.took > 0 {
		r.Rate = float64(count) / w.took.Seconds()
	}
	if histogram.TotalCount() > 0 {
		r.P50 = millis(histogram.ValueAtQuantile(50))
		r.P99 = millis(histogram.ValueAtQuantile(99))
		r.P999 = millis(histogram.ValueAtQuantile(99.9))
	}
	return r
}

// Operations is how many the window counted.
func (w *Window) Operations() int64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	var count int64
	for _, l := range w.lanes {
		count += l.count
	}
	return count
}

func millis(ns int64) float64 { return float64(ns) / float64(time.Millisecond) }
