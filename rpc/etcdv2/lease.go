package etcdv2

import (
	"context"
	"errors"
	"math"
	"sync"
	"time"

	"github.com/conclavehq/conclave/cluster"
	logv1 "github.com/conclavehq/conclave/proto/gen/conclave/log/v1"
)

const (
	// purpose marks the cards of the leases that this API grants; their identity
	// is the node that the TTL was given to.
	purpose = "etcd v2 TTL"
	// maxTTL is that of a lease, and more than a time.Duration can hold of most.
	maxTTL = 9_000_000_000 * time.Second
	// leastTTL stands in for a TTL of 0 seconds, which ends as soon as can be.
	leastTTL = 500 * time.Millisecond
	// grantAttempts is how often a lease id is chosen until one is free.
	grantAttempts = 8
	// retireTimeout bounds what is done after the answer is known.
	retireTimeout = 5 * time.Second
	// retireAtOnce is how many leases are ended at the same time.
	retireAtOnce = 32
	// steady is how far the end of a lease by its grant may be from that by its
	// time left for the first to count. They differ when the log clock stood still.
	steady = time.Second
)

// deadline is when a node ends.
type deadline struct {
	at   time.Time
	left time.Duration
}

// seconds is the TTL as it is told: begun seconds count.
func (d *deadline) seconds() int64 {
	return int64(math.Ceil(max(d.left, 0).Seconds()))
}

// lifetime is a TTL of a request.
func lifetime(seconds uint64) time.Duration {
	switch {
	case seconds == 0:
		return leastTTL
	case seconds >= uint64(maxTTL/time.Second):
		return maxTTL
	}
	return time.Duration(seconds) * time.Second
}

// grant makes a lease for a node's TTL.
func (s *space) grant(ctx context.Context, p string, what deed, ttl time.Duration) (id int64, err error) {
	for range grantAttempts {
		id = leaseID(what, time.Now().Add(ttl))
		_, err = s.propose(ctx, &logv1.Command{Body: &logv1.Command_GrantLease{GrantLease: &logv1.GrantLease{
			LeaseId: id,
			TtlMs:   ttl.Milliseconds(),
			Card:    &logv1.Card{Identity: p, Purpose: purpose},
		}}})
		if !refusedFor(err, logv1.Reason_REASON_LEASE_EXISTS) {
			break
		}
	}
	return id, err
}

// lease looks a lease up in this node's state; nil if there is none.
func (s *space) lease(ctx context.Context, id int64, keys bool) (*logv1.LeaseInfo, error) {
	answer, err := s.ask(ctx, s.seen(), &logv1.Query{Body: &logv1.Query_GetLease{
		GetLease: &logv1.GetLease{LeaseId: id, Keys: keys},
	}})
	if refusedFor(err, logv1.Reason_REASON_LEASE_NOT_FOUND) {
		return nil, nil
	}
	return answer.GetGetLease().GetLease(), err
}

// ends is when the node at a path ends by a lease; nil if it does not, or by
// that of a directory above it. It remembers what it has looked up.
func (s *space) ends(ctx context.Context, id int64, p string) (*deadline, error) {
	if id == 0 {
		return nil, nil
	}
	info, known := s.leases[id]
	if !known {
		var err error
		if info, err = s.lease(ctx, id, false); err != nil {
			return nil, err
		}
		s.leases[id] = info
	}
	if info == nil { // it has just ended
		if what, end, hinted := leaseHint(id); hinted && !what.ofDir() {
			return &deadline{at: end}, nil
		}
		return nil, nil
	}
	if info.GetCard().GetPurpose() == purpose && below(info.GetCard().GetIdentity(), p) {
		return nil, nil
	}
	left := time.Duration(info.GetRemainingMs()) * time.Millisecond
	at := time.Now().Add(left)
	granted := time.UnixMilli(info.GetCard().GetSinceMs() + info.GetTtlMs())
	if at.Sub(granted).Abs() < steady {
		at = granted
	}
	return &deadline{at: at, left: left}, nil
}

// retire ends the leases of TTLs that nothing is left of. A lease that cannot be
// ended now ends by itself, as nobody renews it.
func (s *space) retire(ctx context.Context, ids ...int64) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), retireTimeout)
	defer cancel()
	var ending sync.WaitGroup
	slots := make(chan struct{}, retireAtOnce)
	done := map[int64]bool{0: true}
	for _, id := range ids {
		if done[id] {
			continue
		}
		done[id] = true
		slots <- struct{}{}
		ending.Go(func() {
			s.retireOne(ctx, id)
			<-slots
		})
	}
	ending.Wait()
}

func (s *space) retireOne(ctx context.Context, id int64) {
	info, err := s.lease(ctx, id, true)
	if err != nil || info.GetCard().GetPurpose() != purpose || len(info.GetKeys()) > 0 {
		return
	}
	_, _ = s.propose(ctx, &logv1.Command{Body: &logv1.Command_RevokeLease{
		RevokeLease: &logv1.RevokeLease{LeaseId: id, Reason: "the node has another TTL, or is gone"},
	}})
}

// refusedFor says whether an error is a refusal for a reason.
func refusedFor(err error, reason logv1.Reason) bool {
	var refused *cluster.RefusedError
	return errors.As(err, &refused) && refused.Refusal.GetReason() == reason
}
