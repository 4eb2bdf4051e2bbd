package check

import (
	"github.com/conclavehq/conclave/test/faults/history"
)

// realTime demands that nobody is answered from before what others already knew
// when it called.
func (l *linear) realTime() {
	var calls, known []stamp
	for _, i := range l.space.txns {
		r := &l.book.records[i]
		if r.At > 0 || r.Revision == 0 {
			continue // a read of the past proves nothing of now
		}
		known = append(known, stamp{at: r.Return, revision: r.Revision, record: i})
		if !r.Serializable {
			calls = append(calls, stamp{at: r.Call, revision: r.Revision, record: i, above: wrote(r)})
		}
	}
	for e := range l.log.entries {
		entry := &l.log.entries[e]
		known = append(known, stamp{at: l.book.records[entry.record].Return, revision: entry.revision, record: entry.record})
		if w := entry.writer; w >= 0 && l.book.records[w].Outcome == history.Unknown {
			calls = append(calls, stamp{at: l.book.records[w].Call, revision: entry.revision, record: w, above: true})
		}
	}
	follow(calls, known, func(c, newest stamp) {
		l.violation([]int{c.record, newest.record}, "answered at revision %d, although %d was known before it was called", c.revision, newest.revision)
	})
}
