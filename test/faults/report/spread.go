package report

import (
	"time"

	"github.com/conclavehq/conclave/test/faults/check"
)

// Spread is a distribution of times, rounded to milliseconds; the zero value is of none.
type Spread struct {
	// Count is of all, also of those without an end.
	Count int `yaml:"count"`
	// P50, P99 and Max are of those that have one; 0 = there is none.
	P50 time.Duration `yaml:"p50"`
	P99 time.Duration `yaml:"p99"`
	Max time.Duration `yaml:"max"`
	// Never counts those without: what was waited for did not come.
	Never int `yaml:"never,omitempty"`
}

// slower tells whether more never ended, or else it took longer.
func (s Spread) slower(than Spread) bool {
	if s.Never != than.Never {
		return s.Never > than.Never
	}
	return s.P99 >= than.P99
}

// spread rounds what the checker measured.
func spread(s check.Spread) Spread {
	round := func(d time.Duration) time.Duration { return d.Round(time.Millisecond) }
	return Spread{Count: s.Count, P50: round(s.P50), P99: round(s.P99), Max: round(s.Max), Never: s.Never}
}
