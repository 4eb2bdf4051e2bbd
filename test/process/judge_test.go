package process

import (
	"fmt"

	conclave "github.com/conclavehq/conclave/sdk"
)

// judge compares what the clients of a load saw with what there is, and returns
// all that is wrong.
func (h *history) judge(live, log []conclave.Event) []string {
	var wrong []string
	for _, err := range h.complaints {
		wrong = append(wrong, err.Error())
	}
	changes, reads := h.stamps()
	wrong = append(wrong, checkWrites(h.writes, log)...)
	wrong = append(wrong, checkWatch(live, log)...)
	wrong = append(wrong, checkReads(h.reads, log)...)
	wrong = append(wrong, checkOrder(changes, changes, false)...)
	wrong = append(wrong, checkOrder(changes, reads, true)...)
	wrong = append(wrong, checkOrder(reads, reads, true)...)
	wrong = append(wrong, checkOrder(reads, changes, false)...)
	for i := range counters {
		wrong = append(wrong, checkCounter(fmt.Sprintf("load/counter/%d", i), log)...)
	}
	wrong = append(wrong, checkHolds(h.holds)...)
	wrong = append(wrong, checkJobs(h)...)
	return append(wrong, checkOnce("load/done/", log)...)
}

// stamps are all changes and reads with their revisions.
func (h *history) stamps() (changes, reads []stamped) {
	for _, w := range h.writes {
		if w.outcome == acked {
			changes = append(changes, stamped{w.key + "=" + w.value, w.call, w.ret, int64(w.revision)})
		}
	}
	for _, g := range h.holds {
		changes = append(changes, stamped{"a hold of " + g.mutex, g.call, g.got, int64(g.token)})
	}
	for _, c := range h.claims {
		changes = append(changes, stamped{fmt.Sprintf("a claim of job %d", c.id), c.call, c.ret, int64(c.receipt)})
	}
	for _, r := range h.reads {
		reads = append(reads, stamped{"a read of " + r.key, r.call, r.ret, int64(r.revision)})
	}
	return changes, reads
}

// summary is how much there was to judge. A run without some of it proves nothing.
func (h *history) summary() (text string, enough bool) {
	unknowns := 0
	for _, w := range h.writes {
		if w.outcome == unknown {
			unknowns++
		}
	}
	text = fmt.Sprintf("%d writes (%d of unknown outcome), %d reads, %d holds, %d jobs added, %d claimed, %d finished",
		len(h.writes), unknowns, len(h.reads), len(h.holds), len(h.enqueues), len(h.claims), len(h.acks))
	enough = min(len(h.writes), len(h.reads), len(h.holds), len(h.enqueues), len(h.claims), len(h.acks)) > 10
	return text, enough
}
