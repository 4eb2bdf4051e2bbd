package rpc

import (
	logv1 "github.com/conclavehq/conclave/proto/gen/conclave/log/v1"
	conclavev1 "github.com/conclavehq/conclave/proto/gen/conclave/v1"
)

func enqueueCommand(req *conclavev1.EnqueueRequest) *logv1.Enqueue {
	cmd := &logv1.Enqueue{
		Queue:       req.GetQueue(),
		Body:        valueBytes(req.GetBody()),
		Priority:    req.GetPriority(),
		DelayMs:     millis(req.GetDelay()),
		Group:       req.GetGroup(),
		DedupId:     req.GetDedupId(),
		MaxAttempts: req.GetMaxAttempts(),
		RetainMs:    millis(req.GetRetain()),
		Headers:     req.GetHeaders(),
	}
	// Absent is the default; a zero that is given means no back-off at all.
	if initial := req.GetBackoff().GetInitial(); initial != nil {
		cmd.BackoffMs = millis(initial)
		if cmd.BackoffMs == 0 {
			cmd.BackoffMs = -1
		}
	}
	cmd.MaxBackoffMs = millis(req.GetBackoff().GetMax())
	return cmd
}

func enqueueResponse(revision int64, r *logv1.EnqueueResult) *conclavev1.EnqueueResponse {
	return &conclavev1.EnqueueResponse{Revision: revision, JobId: r.GetJobId(), Duplicate: r.GetDuplicate()}
}

func claimJobsCommand(req *conclavev1.ClaimJobsRequest) *logv1.ClaimJobs {
	return &logv1.ClaimJobs{
		Queue:   req.GetQueue(),
		LeaseId: req.GetLeaseId(),
		Max:     max(req.GetMax(), 1),
		ClaimMs: millis(req.GetClaimFor()),
		WaitMs:  waitMillis(req.GetWait(), req.GetWaitForever()),
		Card:    logCard(req.GetCard()),
	}
}

func claimJobsResponse(revision int64, jobs []*logv1.ClaimedJob) *conclavev1.ClaimJobsResponse {
	return &conclavev1.ClaimJobsResponse{Revision: revision, Jobs: each(jobs, claimedJob)}
}

func claimedJob(j *logv1.ClaimedJob) *conclavev1.ClaimedJob {
	return &conclavev1.ClaimedJob{
		JobId:       j.GetJobId(),
		Receipt:     j.GetReceipt(),
		Body:        value(j.GetBody()),
		Attempt:     j.GetAttempt(),
		MaxAttempts: j.GetMaxAttempts(),
		Priority:    j.GetPriority(),
		Group:       j.GetGroup(),
		Headers:     j.GetHeaders(),
		ClaimFor:    duration(j.GetClaimMs()),
		Enqueued:    timestamp(j.GetEnqueuedMs()),
	}
}

func ackJobCommand(req *conclavev1.AckJobRequest) *logv1.AckJob {
	return &logv1.AckJob{
		Queue:   req.GetQueue(),
		JobId:   req.GetJobId(),
		Receipt: req.GetReceipt(),
		Result:  valueBytes(req.GetResult()),
	}
}

func nackJobCommand(req *conclavev1.NackJobRequest) *logv1.NackJob {
	cmd := &logv1.NackJob{
		Queue:   req.GetQueue(),
		JobId:   req.GetJobId(),
		Receipt: req.GetReceipt(),
		DelayMs: -1, // the job's own back-off
		Reason:  req.GetReason(),
	}
	if req.GetDelay() != nil {
		cmd.DelayMs = millis(req.GetDelay())
	}
	return cmd
}

func nackJobResponse(revision int64, r *logv1.NackJobResult) *conclavev1.NackJobResponse {
	return &conclavev1.NackJobResponse{Revision: revision, Dead: r.GetDead()}
}

func job(j *logv1.JobInfo) *conclavev1.Job {
	if j == nil {
		return nil
	}
	out := &conclavev1.Job{
		JobId:       j.GetJobId(),
		State:       conclavev1.JobState(j.GetState()),
		Body:        value(j.GetBody()),
		Priority:    j.GetPriority(),
		Group:       j.GetGroup(),
		DedupId:     j.GetDedupId(),
		Attempt:     j.GetAttempt(),
		MaxAttempts: j.GetMaxAttempts(),
		Enqueued:    timestamp(j.GetEnqueuedMs()),
		DueIn:       optionalDuration(j.GetDueInMs()),
		Receipt:     j.GetReceipt(),
		Worker:      card(j.GetWorker()),
		Note:        j.GetNote(),
		History:     each(j.GetHistory(), jobAttempt),
		Headers:     j.GetHeaders(),
	}
	if len(j.GetResult()) > 0 {
		out.Result = value(j.GetResult())
	}
	return out
}

func jobAttempt(a *logv1.JobAttempt) *conclavev1.JobAttempt {
	return &conclavev1.JobAttempt{
		Attempt: a.GetAttempt(),
		Worker:  card(a.GetWorker()),
		Ended:   timestamp(a.GetEndedMs()),
		Outcome: a.GetOutcome(),
		Reason:  a.GetReason(),
	}
}

func queueStats(s *logv1.QueueStats) *conclavev1.QueueStats {
	if s == nil {
		return nil
	}
	return &conclavev1.QueueStats{
		Queue:          s.GetQueue(),
		Ready:          s.GetReady(),
		Delayed:        s.GetDelayed(),
		Claimed:        s.GetClaimed(),
		Dead:           s.GetDead(),
		Done:           s.GetDone(),
		Blocked:        s.GetBlocked(),
		WaitingWorkers: s.GetWaitingWorkers(),
		EnqueuedTotal:  s.GetEnqueuedTotal(),
		AckedTotal:     s.GetAckedTotal(),
		NackedTotal:    s.GetNackedTotal(),
		ExpiredTotal:   s.GetExpiredTotal(),
		OldestReady:    optionalDuration(s.GetOldestReadyMs()),
	}
}
