package rpc

import (
	"context"

	logv1 "github.com/conclavehq/conclave/proto/gen/conclave/log/v1"
	conclavev1 "github.com/conclavehq/conclave/proto/gen/conclave/v1"
)

type queueHandler struct{ *core }

func (h queueHandler) Enqueue(ctx context.Context, req *conclavev1.EnqueueRequest) (*conclavev1.EnqueueResponse, error) {
	if err := validated(req, func(c *check) { c.enqueue(req) }); err != nil {
		return nil, err
	}
	result, _, err := h.propose(ctx, req, &logv1.Command{Body: &logv1.Command_Enqueue{Enqueue: enqueueCommand(req)}})
	if err != nil {
		return nil, err
	}
	return enqueueResponse(result.GetRevision(), result.GetEnqueue()), nil
}

func (h queueHandler) ClaimJobs(ctx context.Context, req *conclavev1.ClaimJobsRequest) (*conclavev1.ClaimJobsResponse, error) {
	if err := validated(req, func(c *check) { c.claimJobs(req) }); err != nil {
		return nil, err
	}
	result, where, err := h.propose(ctx, req, &logv1.Command{Body: &logv1.Command_ClaimJobs{ClaimJobs: claimJobsCommand(req)}})
	if err != nil {
		return nil, err
	}
	first := result.GetClaimJobs()
	if first.GetTicket() == 0 {
		return claimJobsResponse(result.GetRevision(), first.GetJobs()), nil
	}
	grant, err := h.await(ctx, where, first.GetTicket(), result.GetIndex())
	if err != nil {
		return nil, err
	}
	return claimJobsResponse(grant.GetToken(), grant.GetJobs()), nil
}

func (h queueHandler) ExtendClaim(ctx context.Context, req *conclavev1.ExtendClaimRequest) (*conclavev1.ExtendClaimResponse, error) {
	err := validated(req, func(c *check) {
		c.claim(req)
		c.duration("claim_for", req.GetClaimFor(), minTTL, maxTTL)
		c.text("note", req.GetNote(), maxTextBytes)
	})
	if err != nil {
		return nil, err
	}
	extend := &logv1.ExtendClaim{
		Queue:   req.GetQueue(),
		JobId:   req.GetJobId(),
		Receipt: req.GetReceipt(),
		ClaimMs: millis(req.GetClaimFor()),
		Note:    req.GetNote(),
	}
	if _, _, err := h.propose(ctx, req, &logv1.Command{Body: &logv1.Command_ExtendClaim{ExtendClaim: extend}}); err != nil {
		return nil, err
	}
	return &conclavev1.ExtendClaimResponse{}, nil
}

func (h queueHandler) AckJob(ctx context.Context, req *conclavev1.AckJobRequest) (*conclavev1.AckJobResponse, error) {
	if err := validated(req, func(c *check) { c.ackJob(req) }); err != nil {
		return nil, err
	}
	result, _, err := h.propose(ctx, req, &logv1.Command{Body: &logv1.Command_AckJob{AckJob: ackJobCommand(req)}})
	if err != nil {
		return nil, err
	}
	return &conclavev1.AckJobResponse{Revision: result.GetRevision()}, nil
}

func (h queueHandler) NackJob(ctx context.Context, req *conclavev1.NackJobRequest) (*conclavev1.NackJobResponse, error) {
	if err := validated(req, func(c *check) { c.nackJob(req) }); err != nil {
		return nil, err
	}
	result, _, err := h.propose(ctx, req, &logv1.Command{Body: &logv1.Command_NackJob{NackJob: nackJobCommand(req)}})
	if err != nil {
		return nil, err
	}
	return nackJobResponse(result.GetRevision(), result.GetNackJob()), nil
}

func (h queueHandler) BuryJob(ctx context.Context, req *conclavev1.BuryJobRequest) (*conclavev1.BuryJobResponse, error) {
	err := validated(req, func(c *check) {
		c.name("queue", req.GetQueue())
		c.jobID("job_id", req.GetJobId())
		c.revision("receipt", req.GetReceipt())
		c.text("reason", req.GetReason(), maxTextBytes)
	})
	if err != nil {
		return nil, err
	}
	bury := &logv1.BuryJob{
		Queue:   req.GetQueue(),
		JobId:   req.GetJobId(),
		Receipt: req.GetReceipt(),
		Reason:  req.GetReason(),
	}
	result, _, err := h.propose(ctx, req, &logv1.Command{Body: &logv1.Command_BuryJob{BuryJob: bury}})
	if err != nil {
		return nil, err
	}
	return &conclavev1.BuryJobResponse{Revision: result.GetRevision()}, nil
}

func (h queueHandler) KickJobs(ctx context.Context, req *conclavev1.KickJobsRequest) (*conclavev1.KickJobsResponse, error) {
	err := validated(req, func(c *check) {
		c.name("queue", req.GetQueue())
		c.page("limit", req.GetLimit())
	})
	if err != nil {
		return nil, err
	}
	kick := &logv1.KickJobs{Queue: req.GetQueue(), JobId: req.GetJobId(), Limit: pageSize(req.GetLimit())}
	result, _, err := h.propose(ctx, req, &logv1.Command{Body: &logv1.Command_KickJobs{KickJobs: kick}})
	if err != nil {
		return nil, err
	}
	return &conclavev1.KickJobsResponse{
		Revision: result.GetRevision(),
		Kicked:   result.GetKickJobs().GetKicked(),
	}, nil
}

func (h queueHandler) CancelJob(ctx context.Context, req *conclavev1.CancelJobRequest) (*conclavev1.CancelJobResponse, error) {
	err := validated(req, func(c *check) {
		c.name("queue", req.GetQueue())
		c.jobID("job_id", req.GetJobId())
		c.text("reason", req.GetReason(), maxTextBytes)
	})
	if err != nil {
		return nil, err
	}
	cancel := &logv1.CancelJob{Queue: req.GetQueue(), JobId: req.GetJobId(), Reason: req.GetReason()}
	result, _, err := h.propose(ctx, req, &logv1.Command{Body: &logv1.Command_CancelJob{CancelJob: cancel}})
	if err != nil {
		return nil, err
	}
	return &conclavev1.CancelJobResponse{Revision: result.GetRevision()}, nil
}

func (h queueHandler) CancelClaim(ctx context.Context, req *conclavev1.CancelClaimRequest) (*conclavev1.CancelClaimResponse, error) {
	err := validated(req, func(c *check) {
		c.name("queue", req.GetQueue())
		c.lease("lease_id", req.GetLeaseId())
	})
	if err != nil {
		return nil, err
	}
	cancel := &logv1.CancelClaim{Queue: req.GetQueue(), LeaseId: req.GetLeaseId()}
	result, _, err := h.propose(ctx, req, &logv1.Command{Body: &logv1.Command_CancelClaim{CancelClaim: cancel}})
	if err != nil {
		return nil, err
	}
	return &conclavev1.CancelClaimResponse{Returned: result.GetCancelClaim().GetReturned()}, nil
}
