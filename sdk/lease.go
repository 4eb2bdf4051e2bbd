package conclave

import (
	"context"
	"iter"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"

	conclavev1 "github.com/conclavehq/conclave/proto/gen/conclave/v1"
)

// Lease is a lease as a human sees it.
type Lease struct {
	ID LeaseID
	// TTL is what a renewal gives, Remaining what is left of it.
	TTL, Remaining time.Duration
	Card           Card
	// Keys are the keys that are deleted with it, if they were asked for.
	Keys []string
	// Owns lists what it holds, waits for and registers, e.g. "mutex/invoice".
	Owns []string
}

// GrantLease makes a lease that nobody renews by itself: for keys that are to
// vanish. Sessions grant their own. Only WithTTL (default 10 s), WithLeaseID and
// the options of the card have an effect.
func (c *Client) GrantLease(ctx context.Context, opts ...SessionOption) (LeaseID, error) {
	cfg := newSessionConfig(opts)
	req := &conclavev1.GrantLeaseRequest{
		Namespace: c.where(),
		Ttl:       durationpb.New(cfg.ttl),
		LeaseId:   int64(cfg.id),
		Card:      cfg.card,
	}
	res, err := mutate(ctx, c, (*services).GrantLease, req, &req.RequestId)
	if err != nil {
		return 0, during(err, "grant a lease")
	}
	return LeaseID(res.GetLeaseId()), nil
}

// RenewLease gives a lease its full TTL again and returns it. It fails with
// ErrLeaseNotFound when the lease has ended.
func (c *Client) RenewLease(ctx context.Context, id LeaseID) (time.Duration, error) {
	// A renewal has no request id: each one that arrives does good.
	res, err := call(ctx, c, reads, (*services).RenewLease, &conclavev1.RenewLeaseRequest{
		Namespace: c.where(),
		LeaseId:   int64(id),
	})
	if err != nil {
		return 0, during(err, "renew lease %d", id)
	}
	return res.GetTtl().AsDuration(), nil
}

// renewOnce is one attempt. It goes over the connections of streams, where it
// does not queue behind calls.
func (c *Client) renewOnce(ctx context.Context, id LeaseID) (time.Duration, error) {
	at := c.endpoints.pick()
	res, err := at.long.RenewLease(ctx, &conclavev1.RenewLeaseRequest{
		Namespace: c.where(),
		LeaseId:   int64(id),
	})
	if err != nil {
		e := fromWire(err)
		if e.retryable() && e.elsewhere() {
			c.endpoints.leave(at)
		}
		return 0, e
	}
	return res.GetTtl().AsDuration(), nil
}

// RevokeLease ends a lease and all that it owns, in one commit. It returns how
// many holds, waits, claims, instances and keys ended with it.
func (c *Client) RevokeLease(ctx context.Context, id LeaseID, reason string) (released int64, err error) {
	req := &conclavev1.RevokeLeaseRequest{Namespace: c.where(), LeaseId: int64(id), Reason: reason}
	res, err := mutate(ctx, c, (*services).RevokeLease, req, &req.RequestId)
	if err != nil {
		return 0, during(err, "revoke lease %d", id)
	}
	return res.GetReleased(), nil
}

// GetLease shows one lease with its keys.
func (c *Client) GetLease(ctx context.Context, id LeaseID) (*Lease, error) {
	res, err := read(ctx, c, (*services).GetLease, &conclavev1.GetLeaseRequest{
		Namespace: c.where(),
		LeaseId:   int64(id),
		Keys:      true,
	})
	if err != nil {
		return nil, during(err, "get lease %d", id)
	}
	return leaseFrom(res.GetLease()), nil
}

// Leases goes through all leases of the namespace, by id, page by page.
func (c *Client) Leases(ctx context.Context) iter.Seq2[*Lease, error] {
	return func(yield func(*Lease, error) bool) {
		var after int64
		for {
			res, err := read(ctx, c, (*services).ListLeases, &conclavev1.ListLeasesRequest{
				Namespace:    c.where(),
				AfterLeaseId: after,
				Limit:        pageSize,
			})
			if err != nil {
				yield(nil, during(err, "list leases"))
				return
			}
			for _, lease := range res.GetLeases() {
				after = lease.GetLeaseId()
				if !yield(leaseFrom(lease), nil) {
					return
				}
			}
			if !res.GetMore() {
				return
			}
		}
	}
}

func leaseFrom(l *conclavev1.Lease) *Lease {
	return &Lease{
		ID:        LeaseID(l.GetLeaseId()),
		TTL:       l.GetTtl().AsDuration(),
		Remaining: l.GetRemaining().AsDuration(),
		Card:      cardFrom(l.GetCard()),
		Keys:      l.GetKeys(),
		Owns:      l.GetOwns(),
	}
}
