package fault

import (
	"errors"
	"iter"
	"slices"
	"strings"
	"testing"

	conclave "github.com/conclavehq/conclave/sdk"
)

// What a watch told is compared with what was acknowledged, one change after the other.
func TestCatchUp(t *testing.T) {
	lost := errors.New("the connection is lost")
	for _, c := range []struct {
		what    string
		told    []conclave.Revision // perCall changes of each, after the first
		cut     int                 // how many of the last changes are not told
		end     error
		written []conclave.Revision
		want    string
	}{
		{"everything", []conclave.Revision{3, 4, 6}, 0, nil, []conclave.Revision{4, 3, 6}, ""},
		{"more than was acknowledged", []conclave.Revision{3, 4, 6}, 0, nil, []conclave.Revision{3, 6}, ""},
		{"nothing was acknowledged", nil, 0, nil, nil, ""},
		{"a gap", []conclave.Revision{3, 6}, 0, nil, []conclave.Revision{3, 4, 6}, "told 0 of the 16 changes of the acknowledged revision 4"},
		{"twice", []conclave.Revision{3, 3, 6}, 0, nil, []conclave.Revision{3, 6}, "told 32 of the 16"},
		{"backwards", []conclave.Revision{4, 3, 6}, 0, nil, []conclave.Revision{4, 3, 6}, "told revision 3 after 4"},
		{"a part of a revision", []conclave.Revision{3, 4}, 1, lost, []conclave.Revision{3, 4}, "ended at revision 4 of 4"},
		{"an early end", []conclave.Revision{3}, 0, nil, []conclave.Revision{3, 4}, "ended at revision 3 of 4"},
		{"compacted meanwhile", []conclave.Revision{3}, 0, conclave.ErrCompacted, []conclave.Revision{3, 4}, ""},
	} {
		events := []conclave.Revision{2}
		for _, revision := range c.told {
			events = append(events, slices.Repeat([]conclave.Revision{revision}, perCall)...)
		}
		u, err := newUnread(telling(events[:len(events)-c.cut], c.end))
		if err != nil {
			t.Fatal(err)
		}
		got := u.catchUp(c.written)
		u.stop()
		if c.want == "" && got != "" || !strings.Contains(got, c.want) {
			t.Errorf("%s: %q, want %q", c.what, got, c.want)
		}
	}
}

// telling is a watch that tells changes of these revisions and ends.
func telling(revisions []conclave.Revision, end error) iter.Seq2[conclave.Event, error] {
	return func(yield func(conclave.Event, error) bool) {
		for _, revision := range revisions {
			if !yield(conclave.Event{Revision: revision}, nil) {
				return
			}
		}
		if end != nil {
			yield(conclave.Event{}, end)
		}
	}
}
