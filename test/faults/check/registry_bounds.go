package check

import (
	"time"

	"github.com/conclavehq/conclave/test/faults/history"
)

// bounds tells which registration holds surely when a question is asked (-1: none)
// and until when, and which record shows that it is surely gone (-1: none).
func (in *instance) bounds(b *book, r *history.Record, leases map[leaseName][]int, quiet *silences) (from int, until time.Duration, gone int) {
	newest := in.newest(b, r)
	if newest < 0 {
		return -1, 0, -1
	}
	reg := &b.records[newest]
	first, gone := in.leaving(b, reg, r)
	certain := reg.Outcome == history.OK && reg.Return < r.Call
	renewals := leases[leaseName{reg.Namespace, reg.Lease}]
	if len(renewals) == 0 {
		if certain && first >= 0 && b.records[first].Outcome == history.OK {
			return newest, b.records[first].Call, gone
		}
		return -1, 0, gone
	}
	least, most := b.leased(r, renewals, quiet)
	if certain && first >= 0 {
		least = min(least, b.records[first].Call)
	}
	if r.Call > most+b.opt.Late {
		gone = newest
	}
	if certain {
		return newest, least, gone
	}
	return -1, 0, gone
}

// newest is the last registration that may have happened before an answer; -1: none.
func (in *instance) newest(b *book, r *history.Record) int {
	newest := -1
	for _, i := range in.registered {
		if reg := &b.records[i]; reg.Call <= r.Return && (newest < 0 || reg.Call > b.records[newest].Call) {
			newest = i
		}
	}
	return newest
}

// leaving is the first deregistration that may have ended a registration, and one
// that surely had when the question was asked; -1: none.
func (in *instance) leaving(b *book, reg, r *history.Record) (first, gone int) {
	first, gone = -1, -1
	for _, i := range in.deregistered {
		d := &b.records[i]
		if d.Return < reg.Call {
			continue
		}
		if first < 0 || d.Call < b.records[first].Call {
			first = i
		}
		if d.Outcome == history.OK && d.Return < r.Call && d.Call > reg.Return && reg.Outcome == history.OK {
			gone = i
		}
	}
	return first, gone
}

// leased tells until when a lease lives at least, by what had returned when a
// question was asked, and at most, by what may have happened before its answer. A
// renewal of unknown outcome counts from its call on, and for ever.
func (b *book) leased(r *history.Record, renewals []int, quiet *silences) (least, most time.Duration) {
	for _, i := range renewals {
		switch n := &b.records[i]; {
		case n.Call > r.Return:
		case n.Outcome == history.Unknown:
			most = b.last
		case n.Return < r.Call:
			least = max(least, n.Call+n.TTL)
			most = max(most, n.Return+n.TTL+quiet.between(n.Return, r.Call))
		default:
			most = b.last
		}
	}
	return least, most
}
