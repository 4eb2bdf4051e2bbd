package check

import (
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/conclavehq/conclave/test/faults/history"
)

// TestSpeed prints how fast histories are judged. CHECK_RECORDS makes it longer
// than is good for every run; the bound holds for the least part of a machine.
func TestSpeed(t *testing.T) {
	want := 30_000
	if n, err := strconv.Atoi(os.Getenv("CHECK_RECORDS")); err == nil {
		want = n
	}
	s := newSim(1, time.Duration(want)*26*time.Microsecond)
	s.lean = true
	s.registers(history.Registers, "default", 64, 1000)
	s.run()
	s.watchers("default", 4)
	records := s.finish()
	b := open(records, Options{}.withDefaults())
	for _, c := range checkers {
		tally := newTally(c.name, records)
		began := time.Now()
		c.check(b, tally)
		if took := time.Since(began); took > 5*time.Millisecond {
			t.Logf("%-10s %8d records in %6.2f s: %.0f/s", c.name, len(records), took.Seconds(), float64(len(records))/took.Seconds())
		}
		for _, r := range tally.results() {
			if len(r.Violations)+r.Inconclusive > 0 {
				t.Errorf("%s: %+v %+v", c.name, r.Violations[:min(3, len(r.Violations))], r.Undecided[:min(3, len(r.Undecided))])
			}
		}
	}
}
