package rpc

import (
	"context"

	logv1 "github.com/conclavehq/conclave/proto/gen/conclave/log/v1"
	conclavev1 "github.com/conclavehq/conclave/proto/gen/conclave/v1"
)

type queueHandler struct{ *core }

func (h queueHandler) Enqueue(ctx context.Context, req *conclavev1.EnqueueRequest) (*conclavev1.EnqueueResponse, error) {
	return mutate(ctx, h.core, req, planEnqueue)
}

func planEnqueue(req *conclavev1.EnqueueRequest) (out change[conclavev1.EnqueueResponse], err error) {
	if err := validated(req, func(c *check) { c.enqueue(req) }); err != nil {
		return out, err
	}
	out.of, out.command = req, &logv1.Command{Body: &logv1.Command_Enqueue{Enqueue: enqueueCommand(req)}}
	out.respond = func(result *logv1.Result) *conclavev1.EnqueueResponse {
		return enqueueResponse(result.GetRevision(), result.GetEnqueue())
	}
	return out, nil
}

func (h queueHandler) ClaimJobs(ctx context.Context, req *conclavev1.ClaimJobsRequest) (*conclavev1.ClaimJobsResponse, error) {
	return mutate(ctx, h.core, req, planClaimJobs)
}

func planClaimJobs(req *conclavev1.ClaimJobsRequest) (out change[conclavev1.ClaimJobsResponse], err error) {
	if err := validated(req, func(c *check) { c.claimJobs(req) }); err != nil {
		return out, err
	}
	out.of, out.command = req, &logv1.Command{Body: &logv1.Command_ClaimJobs{ClaimJobs: claimJobsCommand(req)}}
	out.respond = func(result *logv1.Result) *conclavev1.ClaimJobsResponse {
		return claimJobsResponse(result.GetRevision(), result.GetClaimJobs().GetJobs())
	}
	out.ticket = func(result *logv1.Result) int64 { return result.GetClaimJobs().GetTicket() }
	out.granted = func(_ *logv1.Result, grant *logv1.TicketEvent) *conclavev1.ClaimJobsResponse {
		return claimJobsResponse(grant.GetToken(), grant.GetJobs())
	}
	return out, nil
}

func (h queueHandler) ExtendClaim(ctx context.Context, req *conclavev1.ExtendClaimRequest) (*conclavev1.ExtendClaimResponse, error) {
	return mutate(ctx, h.core, req, planExtendClaim)
}

func planExtendClaim(req *conclavev1.ExtendClaimRequest) (out change[conclavev1.ExtendClaimResponse], err error) {
	err = validated(req, func(c *check) {
		c.claim(req)
		c.duration("claim_for", req.GetClaimFor(), minTTL, maxTTL)
		c.text("note", req.GetNote(), maxTextBytes)
	})
	if err != nil {
		return out, err
	}
	extend := &logv1.ExtendClaim{
		Queue:   req.GetQueue(),
		JobId:   req.GetJobId(),
		Receipt: req.GetReceipt(),
		ClaimMs: millis(req.GetClaimFor()),
		Note:    req.GetNote(),
	}
	out.of, out.command = req, &logv1.Command{Body: &logv1.Command_ExtendClaim{ExtendClaim: extend}}
	out.respond = func(result *logv1.Result) *conclavev1.ExtendClaimResponse {
		return &conclavev1.ExtendClaimResponse{}
	}
	return out, nil
}

func (h queueHandler) AckJob(ctx context.Context, req *conclavev1.AckJobRequest) (*conclavev1.AckJobResponse, error) {
	return mutate(ctx, h.core, req, planAckJob)
}

func planAckJob(req *conclavev1.AckJobRequest) (out change[conclavev1.AckJobResponse], err error) {
	if err := validated(req, func(c *check) { c.ackJob(req) }); err != nil {
		return out, err
	}
	out.of, out.command = req, &logv1.Command{Body: &logv1.Command_AckJob{AckJob: ackJobCommand(req)}}
	out.respond = func(result *logv1.Result) *conclavev1.AckJobResponse {
		return &conclavev1.AckJobResponse{Revision: result.GetRevision()}
	}
	return out, nil
}

func (h queueHandler) NackJob(ctx context.Context, req *conclavev1.NackJobRequest) (*conclavev1.NackJobResponse, error) {
	return mutate(ctx, h.core, req, planNackJob)
}

func planNackJob(req *conclavev1.NackJobRequest) (out change[conclavev1.NackJobResponse], err error) {
	if err := validated(req, func(c *check) { c.nackJob(req) }); err != nil {
		return out, err
	}
	out.of, out.command = req, &logv1.Command{Body: &logv1.Command_NackJob{NackJob: nackJobCommand(req)}}
	out.respond = func(result *logv1.Result) *conclavev1.NackJobResponse {
		return nackJobResponse(result.GetRevision(), result.GetNackJob())
	}
	return out, nil
}

func (h queueHandler) BuryJob(ctx context.Context, req *conclavev1.BuryJobRequest) (*conclavev1.BuryJobResponse, error) {
	return mutate(ctx, h.core, req, planBuryJob)
}

func planBuryJob(req *conclavev1.BuryJobRequest) (out change[conclavev1.BuryJobResponse], err error) {
	err = validated(req, func(c *check) {
		c.name("queue", req.GetQueue())
		c.jobID("job_id", req.GetJobId())
		c.revision("receipt", req.GetReceipt())
		c.text("reason", req.GetReason(), maxTextBytes)
	})
	if err != nil {
		return out, err
	}
	bury := &logv1.BuryJob{
		Queue:   req.GetQueue(),
		JobId:   req.GetJobId(),
		Receipt: req.GetReceipt(),
		Reason:  req.GetReason(),
	}
	out.of, out.command = req, &logv1.Command{Body: &logv1.Command_BuryJob{BuryJob: bury}}
	out.respond = func(result *logv1.Result) *conclavev1.BuryJobResponse {
		return &conclavev1.BuryJobResponse{Revision: result.GetRevision()}
	}
	return out, nil
}

func (h queueHandler) KickJobs(ctx context.Context, req *conclavev1.KickJobsRequest) (*conclavev1.KickJobsResponse, error) {
	return mutate(ctx, h.core, req, planKickJobs)
}

func planKickJobs(req *conclavev1.KickJobsRequest) (out change[conclavev1.KickJobsResponse], err error) {
	err = validated(req, func(c *check) {
		c.name("queue", req.GetQueue())
		c.page("limit", req.GetLimit())
	})
	if err != nil {
		return out, err
	}
	kick := &logv1.KickJobs{Queue: req.GetQueue(), JobId: req.GetJobId(), Limit: pageSize(req.GetLimit())}
	out.of, out.command = req, &logv1.Command{Body: &logv1.Command_KickJobs{KickJobs: kick}}
	out.respond = func(result *logv1.Result) *conclavev1.KickJobsResponse {
		return &conclavev1.KickJobsResponse{
			Revision: result.GetRevision(),
			Kicked:   result.GetKickJobs().GetKicked(),
		}
	}
	return out, nil
}

func (h queueHandler) CancelJob(ctx context.Context, req *conclavev1.CancelJobRequest) (*conclavev1.CancelJobResponse, error) {
	return mutate(ctx, h.core, req, planCancelJob)
}

func planCancelJob(req *conclavev1.CancelJobRequest) (out change[conclavev1.CancelJobResponse], err error) {
	err = validated(req, func(c *check) {
		c.name("queue", req.GetQueue())
		c.jobID("job_id", req.GetJobId())
		c.text("reason", req.GetReason(), maxTextBytes)
	})
	if err != nil {
		return out, err
	}
	cancel := &logv1.CancelJob{Queue: req.GetQueue(), JobId: req.GetJobId(), Reason: req.GetReason()}
	out.of, out.command = req, &logv1.Command{Body: &logv1.Command_CancelJob{CancelJob: cancel}}
	out.respond = func(result *logv1.Result) *conclavev1.CancelJobResponse {
		return &conclavev1.CancelJobResponse{Revision: result.GetRevision()}
	}
	return out, nil
}

func (h queueHandler) CancelClaim(ctx context.Context, req *conclavev1.CancelClaimRequest) (*conclavev1.CancelClaimResponse, error) {
	return mutate(ctx, h.core, req, planCancelClaim)
}

func planCancelClaim(req *conclavev1.CancelClaimRequest) (out change[conclavev1.CancelClaimResponse], err error) {
	err = validated(req, func(c *check) {
		c.name("queue", req.GetQueue())
		c.lease("lease_id", req.GetLeaseId())
	})
	if err != nil {
		return out, err
	}
	cancel := &logv1.CancelClaim{Queue: req.GetQueue(), LeaseId: req.GetLeaseId()}
	out.of, out.command = req, &logv1.Command{Body: &logv1.Command_CancelClaim{CancelClaim: cancel}}
	out.respond = func(result *logv1.Result) *conclavev1.CancelClaimResponse {
		return &conclavev1.CancelClaimResponse{Returned: result.GetCancelClaim().GetReturned()}
	}
	return out, nil
}
