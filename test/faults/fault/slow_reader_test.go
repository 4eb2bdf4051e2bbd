package fault

import (
	"errors"
	"fmt"
	"iter"
	"strings"
	"testing"

	conclave "github.com/conclavehq/conclave/sdk"
)

// What a watch told is compared with what was acknowledged, one change after the other.
func TestCatchUp(t *testing.T) {
	lost := errors.New("the connection is lost")
	for _, c := range []struct {
		what    string
		told    []conclave.Revision // perCall changes of each
		cut     int                 // how many of the last changes are not told
		end     error
		written []conclave.Revision
		want    string
	}{
		{"everything", []conclave.Revision{3, 4, 6}, 0, nil, []conclave.Revision{4, 3, 6}, ""},
		{"more than was acknowledged", []conclave.Revision{3, 4, 6}, 0, nil, []conclave.Revision{3, 6}, ""},
		{"a gap", []conclave.Revision{3, 6}, 0, nil, []conclave.Revision{3, 4, 6}, "told 0 of the 16 changes of the acknowledged revision 4"},
		{"twice", []conclave.Revision{3, 3, 6}, 0, nil, []conclave.Revision{3, 6}, "told key-0 at revision 3 twice"},
		{"backwards", []conclave.Revision{4, 3, 6}, 0, nil, []conclave.Revision{4, 3, 6}, "told revision 3 after 4"},
		{"a part of a revision", []conclave.Revision{3, 4}, 1, lost, []conclave.Revision{3, 4}, "at revision 4 of 4: the connection is lost"},
		{"an early end", []conclave.Revision{3}, 0, nil, []conclave.Revision{3, 4}, "at revision 3 of 4"},
		{"compacted meanwhile", []conclave.Revision{3}, 0, conclave.ErrCompacted, []conclave.Revision{3, 4}, ""},
	} {
		var events []conclave.Event
		for _, revision := range c.told {
			for i := range perCall {
				events = append(events, conclave.Event{Revision: revision, KV: conclave.KV{Key: fmt.Sprint("key-", i)}})
			}
		}
		u := newUnread(telling(events[:len(events)-c.cut], c.end))
		got := u.catchUp(c.written)
		u.stop()
		if c.want == "" && got != "" || !strings.Contains(got, c.want) {
			t.Errorf("%s: %q, want %q", c.what, got, c.want)
		}
	}
}

// telling is a watch that tells these changes and ends.
func telling(events []conclave.Event, end error) iter.Seq2[conclave.Event, error] {
	return func(yield func(conclave.Event, error) bool) {
		for _, event := range events {
			if !yield(event, nil) {
				return
			}
		}
		if end != nil {
			yield(conclave.Event{}, end)
		}
	}
}
