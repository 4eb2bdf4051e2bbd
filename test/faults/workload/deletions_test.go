package workload

import (
	"testing"

	"github.com/conclavehq/conclave/test/faults/history"
)

func TestDeletions(t *testing.T) {
	var d deletions
	if got := d.upTo(100); got != 0 {
		t.Errorf("of nothing: %d", got)
	}
	const last = 3 * deletionsKept
	for revision := int64(1); revision <= last; revision++ {
		d.note(revision, []history.Event{{}, {Delete: revision%10 == 0}})
	}
	for upTo, want := range map[int64]int64{last: last - last%10, 1234: 1230, 1230: 1230, 9: 0} {
		if got := d.upTo(upTo); got != want {
			t.Errorf("up to %d: %d, want %d", upTo, got, want)
		}
	}
	for revision := int64(last + 1); revision <= last+2*deletionsKept; revision++ {
		d.note(revision, []history.Event{{Delete: true}})
	}
	if len(d.revisions) > deletionsKept || d.upTo(last+2*deletionsKept) != last+2*deletionsKept {
		t.Errorf("%d are kept, up to %d", len(d.revisions), d.upTo(last+2*deletionsKept))
	}
}
