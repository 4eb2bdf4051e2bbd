package differential

import (
	"fmt"
	"time"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"google.golang.org/grpc/codes"
)

// clockGrain is how exactly a server has to know what is left of a lease: TTLs
// are whole seconds.
const clockGrain = time.Second

// expiry is when a lease expires, as far as can be told from outside: its time
// began between the request and the answer.
type expiry struct{ earliest, latest time.Time }

func expiryOf(ttl int64, begun time.Time) expiry {
	d := time.Duration(ttl) * time.Second
	return expiry{begun.Add(d), time.Now().Add(d)}
}

// granting notes what a lease is called and when it expires.
func (s *side) granting(o operation, r *pb.LeaseGrantRequest, begun time.Time, a answer) answer {
	m, ok := a.message.(*pb.LeaseGrantResponse)
	if !ok {
		return a
	}
	s.expiries[m.GetID()] = expiryOf(m.GetTTL(), begun)
	if r.GetID() == 0 && m.GetID() > 0 {
		slot := leaseSlot + int64(o.lease)
		s.granted[slot], s.slots[m.GetID()] = m.GetID(), slot
	}
	return a
}

func (s *side) renewing(begun time.Time, a answer) answer {
	if m, ok := a.message.(*pb.LeaseKeepAliveResponse); ok && m.GetTTL() > 0 {
		s.expiries[m.GetID()] = expiryOf(m.GetTTL(), begun)
	}
	return a
}

// left checks the time that a lease has left, and takes it out: it differs from
// system to system as calls take longer or shorter. That there is none stays.
func (s *side) left(begun time.Time, a answer) answer {
	m, ok := a.message.(*pb.LeaseTimeToLiveResponse)
	if !ok || m.GetTTL() < 0 {
		return a
	}
	ttl := time.Duration(m.GetTTL()) * time.Second
	if e, known := s.expiries[m.GetID()]; known {
		least, most := time.Until(e.earliest)-clockGrain, e.latest.Sub(begun)+clockGrain
		if ttl < least || ttl > most {
			return answer{code: codes.Internal, problem: fmt.Sprintf("TTL %s is not what is left, between %s and %s", ttl, least, most)}
		}
	}
	m.TTL = 0
	return a
}

// inOrder checks that leases are listed in the order in which they expire.
func (s *side) inOrder(a answer) answer {
	m, ok := a.message.(*pb.LeaseLeasesResponse)
	if !ok {
		return a
	}
	var before time.Time
	for _, l := range m.GetLeases() {
		e, known := s.expiries[l.GetID()]
		if known && e.latest.Add(clockGrain).Before(before) {
			return answer{code: codes.Internal, problem: "leases are not listed in the order in which they expire"}
		}
		if e.earliest.After(before) {
			before = e.earliest
		}
	}
	return a
}
