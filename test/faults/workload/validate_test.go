package workload

import (
	"fmt"
	"maps"
	"slices"
	"testing"

	"github.com/conclavehq/conclave/test/faults/history"
)

// survey prints what there is in a history.
func survey(t *testing.T, records []history.Record) {
	t.Helper()
	counts := make(map[string]int)
	reasons := make(map[string]int)
	for _, r := range records {
		counts[fmt.Sprintf("%02d kind %02d outcome %d via %d", r.Workload, r.Kind, r.Outcome, r.Via)]++
		if r.Reason != "" {
			reasons[fmt.Sprintf("%02d kind %02d outcome %d via %d %s", r.Workload, r.Kind, r.Outcome, r.Via, r.Reason)]++
		}
	}
	for _, m := range []map[string]int{counts, reasons} {
		for _, key := range slices.Sorted(maps.Keys(m)) {
			t.Logf("%s: %d", key, m[key])
		}
	}
}

func validate(t *testing.T, records []history.Record) { t.Helper() }
