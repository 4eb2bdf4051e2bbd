package check

import (
	"slices"

	"github.com/conclavehq/conclave/test/faults/history"
)

// checkRegistry proves that an instance is seen by every question that was asked
// after its registration and answered before anybody deregistered it or its lease
// could have ended; that it is gone for every question asked after its
// deregistration, or later than Options.Late plus the time without acknowledged
// writes after its lease must have ended; that nobody is seen who did not register;
// and that revisions never go back, for an observer nor in real time, and equal ones
// show equal instances.
//
// When a lease can have ended is known only from the LeaseGranted and LeaseRenewed
// records of its session. Where there are none, an instance that was later
// deregistered in order was alive until then, and one that was not is not judged.
// Observers may be told late, so for them only order is judged.
func checkRegistry(b *book, t *tally) {
	leases := make(map[leaseName][]int)
	services := make(map[name]*service)
	var order []*service
	for i := range b.records {
		r := &b.records[i]
		switch r.Kind {
		case history.LeaseGranted, history.LeaseRenewed:
			if r.Outcome != history.Refused {
				n := leaseName{r.Namespace, r.Lease}
				leases[n] = append(leases[n], i)
			}
			continue
		case history.Registered, history.Deregistered, history.InstancesSeen:
		default:
			continue
		}
		if r.Outcome == history.OK {
			t.checked(i)
		}
		n := name{history.Registered, r.Namespace, r.Key}
		if services[n] == nil {
			services[n] = &service{instances: make(map[string]*instance), at: make(map[int64]int)}
			order = append(order, services[n])
		}
		if r.Outcome != history.Refused {
			services[n].add(i, r)
		}
	}
	quiet := b.silences()
	for _, s := range order {
		s.ordered(b, t)
		for _, i := range s.seen {
			s.question(b, t, i, leases, quiet)
		}
	}
}

// service is what was seen of one.
type service struct {
	instances map[string]*instance
	seen      []int
	at        map[int64]int // the first that saw a revision
}

// instance is a name under which somebody registered.
type instance struct {
	registered, deregistered []int
}

func (s *service) add(i int, r *history.Record) {
	if r.Kind == history.InstancesSeen {
		s.seen = append(s.seen, i)
		return
	}
	in := s.instances[r.Value]
	if in == nil {
		in = new(instance)
		s.instances[r.Value] = in
	}
	if r.Kind == history.Registered {
		in.registered = append(in.registered, i)
	} else {
		in.deregistered = append(in.deregistered, i)
	}
}

// ordered judges revisions, and what is seen at equal ones.
func (s *service) ordered(b *book, t *tally) {
	var calls, known []stamp
	observers := make(map[int32]int)
	for _, i := range s.seen {
		r := &b.records[i]
		if other, ok := s.at[r.Revision]; !ok {
			s.at[r.Revision] = i
		} else if !slices.Equal(b.records[other].Values, r.Values) {
			t.violation([]int{i, other}, "the instances of %q at %d are %q and %q", r.Key, r.Revision, r.Values, b.records[other].Values)
		}
		known = append(known, stamp{at: r.Return, revision: r.Revision, record: i})
		if r.Watcher == 0 {
			calls = append(calls, stamp{at: r.Call, revision: r.Revision, record: i})
			continue
		}
		if last, ok := observers[r.Watcher]; ok && b.records[last].Revision > r.Revision {
			t.violation([]int{i, last}, "an observer of %q went back from %d to %d", r.Key, b.records[last].Revision, r.Revision)
		}
		observers[r.Watcher] = i
	}
	follow(calls, known, func(c, newest stamp) {
		t.violation([]int{c.record, newest.record}, "answered at %d after %d had been known", c.revision, newest.revision)
	})
}

// question judges one answer.
func (s *service) question(b *book, t *tally, i int, leases map[leaseName][]int, quiet *silences) {
	r := &b.records[i]
	for _, v := range r.Values {
		if s.instances[v] == nil {
			t.violation([]int{i}, "%q is seen at %q, where nobody registered it", v, r.Key)
		}
	}
	if r.Watcher > 0 {
		return
	}
	for v, in := range s.instances {
		from, until, gone := in.bounds(b, r, leases, quiet)
		switch seen := slices.Contains(r.Values, v); {
		case !seen && from >= 0 && until > r.Return:
			t.violation([]int{i, from}, "%q is registered at %q, and not seen", v, r.Key)
		case seen && gone >= 0:
			t.violation([]int{i, gone}, "%q is gone from %q, and still seen", v, r.Key)
		}
	}
}
