package check

import (
	"cmp"
	"slices"
	"time"

	"github.com/conclavehq/conclave/test/faults/history"
)

// exclude demands that holds do not overlap.
func (g *grants) exclude(b *book, t *tally) {
	slices.SortFunc(g.list, func(a, b *hold) int { return cmp.Compare(a.token, b.token) })
	// The first that anybody from here on was told of a grant: holds that were over
	// by then are met by nobody any more.
	first := make([]time.Duration, len(g.list))
	for n := len(g.list) - 1; n >= 0; n-- {
		first[n] = b.records[g.list[n].granted].Return
		if n+1 < len(first) {
			first[n] = min(first[n], first[n+1])
		}
	}
	var lasting []*hold // earlier ones that are not over for all
	var late int
	for n, h := range g.list {
		lasting = slices.DeleteFunc(lasting, func(e *hold) bool { return e.until(b) <= first[n] })
		since := b.records[h.granted].Return
		excused := false
		for _, e := range lasting {
			switch over := e.until(b) - since; {
			case over <= 0:
			case over <= e.allowance(b), e.toldTooLate(b, since):
				excused = true
			default:
				t.violation([]int{h.granted, e.granted}, "the token %d was given while the holder of %d had neither released nor lost it",
					h.token, e.token)
			}
		}
		if excused {
			late++
		}
		lasting = append(lasting, h)
	}
	if late > 0 {
		t.note(b.records[g.list[0].granted].Workload, "%q: %d holders learned after the next grant, within the allowance, that their hold was over",
			b.records[g.list[0].granted].Key, late)
	}
}

// allowance is how much later than it ended a holder may be told so. etcd's client
// measures the TTL from the answer to its last renewal, so it may be off by one TTL
// and does not promise otherwise; and its release is no proof that it held.
func (h *hold) allowance(b *book) time.Duration {
	r := &b.records[h.granted]
	switch {
	case r.Via == history.Etcd:
		return max(r.TTL, b.opt.Polling)
	case h.lost >= 0:
		return b.opt.Polling
	}
	return 0
}

// toldTooLate tells whether a holder learned of its hold only when the next one had
// it. etcd's client waits for its turn and does not look at its lease again when it
// comes (etcd #11456), so a caller that was cut off meanwhile is told of a hold that
// is over. Conclave's decides both in one commit, so for it this is a violation.
func (h *hold) toldTooLate(b *book, next time.Duration) bool {
	r := &b.records[h.granted]
	return r.Via == history.Etcd && r.Return > next
}

// until is how long a holder held for all that it knew.
func (h *hold) until(b *book) time.Duration {
	end := b.last
	if h.lost >= 0 {
		end = min(end, b.records[h.lost].Call)
	}
	if h.released >= 0 {
		end = min(end, b.records[h.released].Call)
	}
	return end
}
