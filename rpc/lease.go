package rpc

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"

	"connectrpc.com/connect"

	"github.com/conclavehq/conclave/cluster"
	logv1 "github.com/conclavehq/conclave/proto/gen/conclave/log/v1"
	conclavev1 "github.com/conclavehq/conclave/proto/gen/conclave/v1"
)

// grantAttempts is how often a lease id is chosen until one is free.
const grantAttempts = 3

type leaseHandler struct{ *core }

func (h leaseHandler) GrantLease(ctx context.Context, req *conclavev1.GrantLeaseRequest) (out *conclavev1.GrantLeaseResponse, err error) {
	for range grantAttempts {
		out, err = mutate(ctx, h.core, req, planGrantLease)
		// With a request id the first answer is the answer, a refusal too.
		if req.GetLeaseId() != 0 || req.GetRequestId() != nil || !refusedWith(err, logv1.Reason_REASON_LEASE_EXISTS) {
			break
		}
	}
	return out, err
}

func planGrantLease(req *conclavev1.GrantLeaseRequest) (out change[conclavev1.GrantLeaseResponse], err error) {
	err = validated(req, func(c *check) {
		c.ttl(req.GetTtl())
		c.optionalLease("lease_id", req.GetLeaseId())
		c.card(req.GetCard())
	})
	if err != nil {
		return out, err
	}
	grant := &logv1.GrantLease{
		LeaseId: req.GetLeaseId(),
		TtlMs:   millis(req.GetTtl()),
		Card:    logCard(req.GetCard()),
	}
	if grant.LeaseId == 0 {
		grant.LeaseId = chooseLeaseID()
	}
	out.of, out.command = req, &logv1.Command{Body: &logv1.Command_GrantLease{GrantLease: grant}}
	out.respond = func(result *logv1.Result) *conclavev1.GrantLeaseResponse {
		// A retry is answered with the id of the first grant, not the one above.
		granted := result.GetGrantLease()
		return &conclavev1.GrantLeaseResponse{LeaseId: granted.GetLeaseId(), Ttl: duration(granted.GetTtlMs())}
	}
	return out, nil
}

// chooseLeaseID gives a random positive number that JavaScript can hold.
func chooseLeaseID() int64 {
	var random [8]byte
	for {
		rand.Read(random[:]) // never fails
		if id := binary.BigEndian.Uint64(random[:]) & maxUint53; id != 0 {
			return int64(id)
		}
	}
}

// refusedWith tells whether an error is a refusal for a reason.
func refusedWith(err error, reason logv1.Reason) bool {
	var refused *cluster.RefusedError
	return errors.As(err, &refused) && refused.Refusal.GetReason() == reason
}

func (h leaseHandler) RevokeLease(ctx context.Context, req *conclavev1.RevokeLeaseRequest) (*conclavev1.RevokeLeaseResponse, error) {
	return mutate(ctx, h.core, req, planRevokeLease)
}

func planRevokeLease(req *conclavev1.RevokeLeaseRequest) (out change[conclavev1.RevokeLeaseResponse], err error) {
	err = validated(req, func(c *check) {
		c.lease("lease_id", req.GetLeaseId())
		c.text("reason", req.GetReason(), maxTextBytes)
	})
	if err != nil {
		return out, err
	}
	revoke := &logv1.RevokeLease{LeaseId: req.GetLeaseId(), Reason: req.GetReason()}
	out.of, out.command = req, &logv1.Command{Body: &logv1.Command_RevokeLease{RevokeLease: revoke}}
	out.respond = func(result *logv1.Result) *conclavev1.RevokeLeaseResponse {
		return &conclavev1.RevokeLeaseResponse{
			Revision: result.GetRevision(),
			Released: result.GetRevokeLease().GetReleased(),
		}
	}
	return out, nil
}

// renewal has no request id: renewing twice is renewing.
type renewal struct {
	*conclavev1.RenewLeaseRequest
}

func (renewal) GetRequestId() *conclavev1.RequestId { return nil }

func (h leaseHandler) RenewLease(ctx context.Context, req *conclavev1.RenewLeaseRequest) (*conclavev1.RenewLeaseResponse, error) {
	return mutate(ctx, h.core, req, planRenewLease)
}

func planRenewLease(req *conclavev1.RenewLeaseRequest) (out change[conclavev1.RenewLeaseResponse], err error) {
	out.of = renewal{req}
	if err := validated(out.of, func(c *check) { c.lease("lease_id", req.GetLeaseId()) }); err != nil {
		return out, err
	}
	renew := &logv1.RenewLease{LeaseId: req.GetLeaseId()}
	out.command = &logv1.Command{Body: &logv1.Command_RenewLease{RenewLease: renew}}
	out.respond = func(result *logv1.Result) *conclavev1.RenewLeaseResponse {
		return &conclavev1.RenewLeaseResponse{Ttl: duration(result.GetRenewLease().GetTtlMs())}
	}
	return out, nil
}

func (h leaseHandler) GetLease(ctx context.Context, req *conclavev1.GetLeaseRequest) (*conclavev1.GetLeaseResponse, error) {
	if err := asked(req, func(c *check) { c.lease("lease_id", req.GetLeaseId()) }); err != nil {
		return nil, err
	}
	answer, err := h.query(ctx, req.GetNamespace(), linearizable, &logv1.Query{Body: &logv1.Query_GetLease{
		GetLease: &logv1.GetLease{LeaseId: req.GetLeaseId(), Keys: req.GetKeys()},
	}})
	if err != nil {
		return nil, err
	}
	return &conclavev1.GetLeaseResponse{Lease: lease(answer.GetGetLease().GetLease())}, nil
}

func (h leaseHandler) ListLeases(ctx context.Context, req *conclavev1.ListLeasesRequest) (*conclavev1.ListLeasesResponse, error) {
	err := asked(req, func(c *check) {
		c.optionalLease("after_lease_id", req.GetAfterLeaseId())
		c.page("limit", req.GetLimit())
	})
	if err != nil {
		return nil, err
	}
	answer, err := h.query(ctx, req.GetNamespace(), linearizable, &logv1.Query{Body: &logv1.Query_ListLeases{
		ListLeases: &logv1.ListLeases{AfterLeaseId: req.GetAfterLeaseId(), Limit: pageSize(req.GetLimit())},
	}})
	if err != nil {
		return nil, err
	}
	page := answer.GetListLeases()
	return &conclavev1.ListLeasesResponse{Leases: each(page.GetLeases(), lease), More: page.GetMore()}, nil
}

func (h leaseHandler) WatchLease(ctx context.Context, req *conclavev1.WatchLeaseRequest, stream *connect.ServerStream[conclavev1.WatchLeaseResponse]) error {
	if err := asked(req, func(c *check) { c.lease("lease_id", req.GetLeaseId()) }); err != nil {
		return err
	}
	return h.watchLease(ctx, req, stream.Send)
}
