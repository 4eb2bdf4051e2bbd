package check

import (
	"testing"
	"time"

	"github.com/conclavehq/conclave/test/faults/history"
)

// sound is a history in which everything happens, and nothing wrong.
func sound(seed uint64) []history.Record {
	s := newSim(seed, 400*time.Millisecond)
	s.registers(history.Registers, "keys", 12, 8)
	s.registers(history.Registers, "default", 6, 8)
	s.expire("default")
	s.run()
	s.watchers("keys", 12)
	s.watchers("default", 12)
	return s.finish()
}

func failures(r Report) []string {
	var all []string
	for _, result := range r.Results {
		for _, v := range result.Violations {
			all = append(all, result.Checker+": "+v.What)
		}
		for _, v := range result.Undecided {
			all = append(all, result.Checker+", undecided: "+v.What)
		}
	}
	return all
}

func TestSound(t *testing.T) {
	for seed := range uint64(20) {
		report := Run(sound(seed), Options{})
		if !report.OK() {
			all := failures(report)
			t.Fatalf("seed %d: %d, as\n%q", seed, len(all), all[:min(len(all), 5)])
		}
	}
}
