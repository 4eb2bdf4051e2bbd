package check

import "github.com/conclavehq/conclave/test/faults/history"

// checkComplaints passes on what the harness itself saw and must not be. It proves
// nothing of its own.
func checkComplaints(b *book, t *tally) {
	for i := range b.records {
		if r := &b.records[i]; r.Kind == history.Complaint {
			t.checked(i)
			t.violation([]int{i}, "%s: %s", r.Key, r.Reason)
		}
	}
}
