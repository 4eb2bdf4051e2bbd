package check

import (
	"cmp"
	"slices"
	"time"

	"github.com/conclavehq/conclave/test/faults/history"
)

// checkLeases proves that no lease that was granted or renewed, and not revoked,
// was gone before the call of that had been its TTL ago, be it that somebody asked,
// that a renewal was refused or that a key of it was deleted; that none was there
// later than Options.Late after its TTL, counted from the return of the last grant
// or renewal, plus the time in which nobody's write was acknowledged; that none was
// there after it had been revoked or gone; and that what is said to be left of it
// fits.
//
// The silence that counts is every time longer than Options.Outage, or Options.Fault
// while one is at work, without an acknowledged write of anybody, whatever its cause: in a run with so few clients
// that they fall silent by themselves, lateness is measured less sharply. A lease
// with a renewal or revocation of unknown outcome may live longer or shorter for
// that reason from then on: only the bounds that do not depend on it are checked,
// and how many sightings were not held against the upper one is noted.
func checkLeases(b *book, t *tally) {
	leases := make(map[leaseName]*lease)
	var order []*lease
	for i := range b.records {
		r := &b.records[i]
		switch r.Kind {
		case history.LeaseGranted, history.LeaseRenewed, history.LeaseRevoked, history.LeaseSeen, history.LeaseGone:
		default:
			continue
		}
		if r.Lease == 0 {
			continue // a grant that was refused or stayed unknown
		}
		n := leaseName{r.Namespace, r.Lease}
		if leases[n] == nil {
			leases[n] = &lease{perhaps: -1}
			order = append(order, leases[n])
		}
		leases[n].add(b, t, i, r)
	}
	for _, s := range b.spaces {
		b.ends(s, func(id int64, record int) {
			if l := leases[leaseName{s.name, id}]; l != nil {
				l.gone = append(l.gone, record)
			}
		})
	}
	quiet := b.silences()
	lax := make(map[history.Workload]int)
	for _, l := range order {
		l.check(b, t, quiet)
		for _, i := range l.lax {
			lax[b.records[i].Workload]++
		}
	}
	for _, w := range history.Workloads {
		if lax[w] > 0 {
			t.note(w, "%d sightings of leases after a renewal of unknown outcome: not judged as too late", lax[w])
		}
	}
}

type leaseName struct {
	space string
	id    int64
}

// lease is what was seen of one.
type lease struct {
	alive   []int // grants and renewals that were acknowledged
	perhaps int   // the first that may have happened unknown to the client, by call; -1: none
	revoked []int // tried, and not refused
	seen    []int
	gone    []int
	lax     []int // of seen, those that were not held against the upper bound
}

func (l *lease) add(b *book, t *tally, i int, r *history.Record) {
	if r.Outcome == history.OK || r.Reason == LeaseNotFound {
		t.checked(i)
	}
	switch {
	case r.Outcome == history.Refused && r.Reason == LeaseNotFound && r.Kind == history.LeaseRevoked && r.Via == history.Etcd:
		// etcd's client repeats a revocation without an answer, so this may be about
		// the one that it made before.
		l.revoked = append(l.revoked, i)
	case r.Outcome == history.Refused && r.Reason == LeaseNotFound && r.Kind != history.LeaseGranted:
		l.gone = append(l.gone, i)
	case r.Outcome == history.Refused:
	case r.Kind == history.LeaseRevoked:
		l.revoked = append(l.revoked, i)
	case r.Outcome == history.Unknown:
		if l.perhaps < 0 || r.Call < b.records[l.perhaps].Call {
			l.perhaps = i
		}
	case r.Kind == history.LeaseSeen:
		l.seen = append(l.seen, i)
	case r.Kind == history.LeaseGone:
		l.gone = append(l.gone, i)
	default:
		l.alive = append(l.alive, i)
	}
}

func (l *lease) check(b *book, t *tally, quiet *silences) {
	byReturn := func(x, y int) int { return cmp.Compare(b.records[x].Return, b.records[y].Return) }
	slices.SortFunc(l.alive, byReturn)
	slices.SortFunc(l.gone, byReturn)
	for _, i := range l.gone {
		l.early(b, t, i)
	}
	for _, i := range l.seen {
		l.late(b, t, quiet, i)
		l.left(b, t, i)
	}
	if len(l.gone) == 0 {
		return
	}
	// By its id a lease is gone from its deadline on, and its keys are when that was
	// committed.
	byKey := slices.IndexFunc(l.gone, func(i int) bool { r := &b.records[i]; return r.Key != "" || r.Kind == history.WatchEvent })
	for _, i := range slices.Concat(l.alive, l.seen) {
		first := l.gone[0]
		if b.records[i].Key != "" {
			if byKey < 0 {
				continue
			}
			first = l.gone[byKey]
		}
		if b.records[i].Call > b.records[first].Return {
			t.violation([]int{i, first}, "the lease %d was gone, and is there again", b.records[i].Lease)
		}
	}
}

// latest is the last grant or renewal that had returned at a moment; -1: none.
func (l *lease) latest(b *book, moment time.Duration) int {
	n, _ := slices.BinarySearchFunc(l.alive, moment+1, func(i int, m time.Duration) int { return cmp.Compare(b.records[i].Return, m) })
	if n == 0 {
		return -1
	}
	return l.alive[n-1]
}

// early judges that the lease was gone.
func (l *lease) early(b *book, t *tally, i int) {
	gone := &b.records[i]
	a := l.latest(b, gone.Call)
	if a < 0 || gone.Return >= b.records[a].Call+b.records[a].TTL {
		return
	}
	for _, v := range l.revoked {
		if b.records[v].Call <= gone.Return {
			return
		}
	}
	t.violation([]int{i, a}, "the lease %d was gone %v before its time", b.records[a].Lease, b.records[a].Call+b.records[a].TTL-gone.Return)
}

// late judges that the lease was there.
func (l *lease) late(b *book, t *tally, quiet *silences, i int) {
	seen := &b.records[i]
	for _, v := range l.revoked {
		if r := &b.records[v]; r.Outcome == history.OK && r.Return < seen.Call {
			t.violation([]int{i, v}, "the lease %d was revoked, and is still there", seen.Lease)
		}
	}
	if l.perhaps >= 0 && b.records[l.perhaps].Call <= seen.Return {
		l.lax = append(l.lax, i)
		return
	}
	// A renewal that returns later may have happened before the lease was seen.
	for a := len(l.alive) - 1; a >= 0; a-- {
		r := &b.records[l.alive[a]]
		if r.Call > seen.Return {
			continue
		}
		if r.Return > seen.Call {
			return
		}
		by := seen.Call - r.Return - r.TTL - quiet.between(r.Return, seen.Call)
		if by > b.opt.Late {
			t.violation([]int{i, l.alive[a]}, "the lease %d is there %v after its time, outages not counted", seen.Lease, by)
		}
		return
	}
}

// left judges what the service said to be left. etcd's API tells whole seconds.
func (l *lease) left(b *book, t *tally, i int) {
	seen := &b.records[i]
	a := l.latest(b, seen.Call)
	if a < 0 || seen.Left == 0 {
		return
	}
	grain := 10 * time.Millisecond
	if seen.Via == history.Etcd {
		grain = time.Second
	}
	r := &b.records[a]
	if seen.Left > r.TTL+grain {
		t.violation([]int{i, a}, "%v are left of the lease %d with a TTL of %v", seen.Left, seen.Lease, r.TTL)
	}
	if least := r.Call + r.TTL - seen.Return; seen.Left+grain < least && len(l.revoked) == 0 {
		t.violation([]int{i, a}, "%v are left of the lease %d, which has at least %v", seen.Left, seen.Lease, least)
	}
}
