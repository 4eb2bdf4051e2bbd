package etcd

import (
	"context"
	"errors"
	"io"
	"time"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"

	"github.com/conclavehq/conclave/cluster"
	logv1 "github.com/conclavehq/conclave/proto/gen/conclave/log/v1"
)

const (
	// renewTogether is how many renewals of a stream are committed together, and
	// waitingRenewals how many wait while others are.
	renewTogether   = 1000
	waitingRenewals = 64
	// renewTimeout is how long etcd tries to renew a lease.
	renewTimeout = 7 * time.Second
	// renewPause is how long to wait before it is tried again.
	renewPause = 50 * time.Millisecond
)

// LeaseKeepAlive renews leases as the client asks for it. What it asks while a
// renewal is under way is renewed together next: a stream of many leases costs
// hardly more commits than one of a single lease.
func (s leaseServer) LeaseKeepAlive(stream pb.Lease_LeaseKeepAliveServer) error {
	ctx, where, done, err := s.streaming(stream.Context())
	if err != nil {
		return err
	}
	defer done()
	asked := make(chan int64, waitingRenewals)
	ended := make(chan error, 1)
	go func() { // ends with the stream at the latest
		ended <- receiveRenewals(ctx, stream, asked)
		close(asked)
	}()
	var leases []int64
	for {
		if leases, err = nextRenewals(ctx, asked, leases[:0]); err != nil {
			return s.explain(ctx, err)
		}
		if len(leases) == 0 { // nothing more comes
			if err := <-ended; err != nil || ctx.Err() == nil {
				return err
			}
			return s.explain(ctx, ctx.Err())
		}
		results, err := s.renew(ctx, where, leases)
		if err != nil {
			return s.explain(ctx, err)
		}
		for i, result := range results {
			res := &pb.LeaseKeepAliveResponse{
				ID: leases[i],
				// As of the renewal: if the lease is revoked, then in a later revision.
				Header: s.header(where.Shard, result.GetRevision()),
			}
			if renewed := result.GetRenewLease(); renewed != nil {
				res.TTL = wholeSeconds(renewed.GetTtlMs())
			}
			if err := stream.Send(res); err != nil {
				return err
			}
		}
	}
}

// receiveRenewals passes on what a stream asks for. The end of the client's
// part is no error.
func receiveRenewals(ctx context.Context, stream pb.Lease_LeaseKeepAliveServer, asked chan<- int64) error {
	for {
		req, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		select {
		case asked <- req.GetID():
		case <-ctx.Done():
			return nil
		}
	}
}

// nextRenewals waits for a renewal and adds those that are there with it. There
// are none at the end.
func nextRenewals(ctx context.Context, asked <-chan int64, leases []int64) ([]int64, error) {
	select {
	case lease, open := <-asked:
		if !open {
			return leases, nil
		}
		leases = append(leases, lease)
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	for len(leases) < renewTogether {
		select {
		case lease, open := <-asked:
			if !open {
				return leases, nil
			}
			leases = append(leases, lease)
		default:
			return leases, nil
		}
	}
	return leases, nil
}

// renew renews leases together. One that does not exist has a refusal as its
// result; other refusals are errors.
func (s leaseServer) renew(ctx context.Context, where cluster.Namespace, leases []int64) ([]*logv1.Result, error) {
	ctx, cancel := context.WithTimeout(ctx, renewTimeout)
	defer cancel()
	results := make([]*logv1.Result, len(leases))
	open := make([]int, len(leases)) // places in leases
	for i := range leases {
		open[i] = i
	}
	var failed error
	for len(open) > 0 && failed == nil {
		commands := make([]*logv1.Command, len(open))
		for i, at := range open {
			commands[i] = &logv1.Command{NamespaceId: where.ID, Body: &logv1.Command_RenewLease{
				RenewLease: &logv1.RenewLease{LeaseId: leases[at]},
			}}
		}
		var again []int
		s.cluster.ProposeAll(ctx, where.Shard, commands, func(decided []cluster.Outcome) {
			for _, o := range decided {
				at := open[o.Index]
				reason := o.Result.GetRefusal().GetReason()
				switch {
				case errors.Is(o.Err, cluster.ErrOutcomeUnknown) && ctx.Err() == nil:
					again = append(again, at) // renewing twice is renewing
				case o.Err != nil:
					failed = o.Err
				case o.Result.GetRefusal() != nil && reason != logv1.Reason_REASON_LEASE_NOT_FOUND:
					failed = &cluster.RefusedError{Refusal: o.Result.GetRefusal()}
				default:
					results[at] = o.Result
				}
			}
		})
		if open = again; len(open) > 0 {
			pause := time.NewTimer(renewPause)
			select {
			case <-pause.C:
			case <-ctx.Done():
			}
			pause.Stop()
		}
	}
	return results, failed
}
