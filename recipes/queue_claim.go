package recipes

import (
	"cmp"

	"github.com/conclavehq/conclave/internal/keys"
	"github.com/conclavehq/conclave/internal/planted"
	logv1 "github.com/conclavehq/conclave/proto/gen/conclave/log/v1"
	storagev1 "github.com/conclavehq/conclave/proto/gen/conclave/storage/v1"
)

// ClaimJobs takes the first ready jobs under a session, or a place in the line
// of workers when none is ready. Nobody waits while jobs are ready, so a claim
// never passes a worker that came earlier (promise R4).
func ClaimJobs(tx Tx, cmd *logv1.ClaimJobs) (*logv1.ClaimJobsResult, *logv1.Refusal) {
	if cmd.GetMax() > maxJobsPerCall {
		return nil, refuse(logv1.Reason_REASON_TOO_MANY, "a claim takes at most %d jobs, not %d", maxJobsPerCall, cmd.GetMax())
	}
	if !leaseExists(tx, cmd.GetLeaseId()) {
		return nil, noLease(cmd.GetLeaseId())
	}
	worker := &storagev1.QueueWaiterRecord{
		LeaseId: cmd.GetLeaseId(),
		Max:     max(cmd.GetMax(), 1),
		ClaimMs: cmp.Or(max(cmd.GetClaimMs(), 0), defaultClaimMS),
		Card:    sessionCard(tx, cmd.GetLeaseId(), cmd.GetCard()),
	}
	q := open(tx, cmd.GetQueue())
	if q.rec.Ready == 0 {
		return q.await(worker, cmd.GetWaitMs())
	}

	result := &logv1.ClaimJobsResult{}
	for _, j := range q.take(worker) {
		result.Jobs = append(result.Jobs, j.claimed(tx, q.name))
	}
	q.close()
	return result, nil
}

// take claims the first ready jobs for a worker: as many as it wants, and as
// their bodies fit into one answer. It looks at the head of the ready index and
// at nothing behind it, so it costs the same however long the queue is.
func (q *openQueue) take(worker *storagev1.QueueWaiterRecord) []*job {
	var ids []uint64
	prefix := readyPrefix(q.tx, q.name)
	q.tx.Scan(prefix, keys.After(prefix), func(key, _ []byte) bool {
		ids = append(ids, columnU64(key[len(key)-8:]))
		return len(ids) < int(worker.GetMax())
	})
	var jobs []*job
	var bytes int64
	for _, id := range ids {
		j := mustJob(q.tx, q.name, id)
		if bytes += j.rec.BodyBytes; len(jobs) > 0 && bytes > maxBytesPerCall {
			break
		}
		q.leave(j)
		j.rec.Attempt++
		j.rec.Receipt = int64(q.tx.NextRevision())
		j.rec.LeaseId = worker.GetLeaseId()
		j.rec.ClaimMs = worker.GetClaimMs()
		j.rec.Worker = worker.GetCard()
		q.enter(j, logv1.JobState_JOB_STATE_CLAIMED, later(q.tx, j.rec.ClaimMs))
		jobs = append(jobs, j)
	}
	return jobs
}

// ExtendClaim moves the end of a claim. Like the renewal of a lease it takes no
// revision: nothing changes hands.
func ExtendClaim(tx Tx, cmd *logv1.ExtendClaim) (*logv1.ExtendClaimResult, *logv1.Refusal) {
	j, refusal := currentClaim(tx, cmd.GetQueue(), cmd.GetJobId(), cmd.GetReceipt())
	if refusal != nil {
		return nil, refusal
	}
	columns := jobColumns(cmd.GetQueue(), j.id)
	clearTimer(tx, Clock(j.rec.DueMs), timerClaim, columns)
	j.rec.ClaimMs = cmp.Or(max(cmd.GetClaimMs(), 0), j.rec.ClaimMs)
	j.rec.DueMs = int64(later(tx, j.rec.ClaimMs))
	if cmd.GetNote() != "" {
		j.rec.Note = cmd.GetNote()
	}
	setTimer(tx, Clock(j.rec.DueMs), timerClaim, columns)
	save(tx, jobKey(tx, cmd.GetQueue(), j.id), &j.rec)
	return &logv1.ExtendClaimResult{}, nil
}

// currentClaim reads a claimed job if the receipt is the current one (promise
// R3), and says otherwise what became of it.
func currentClaim(r Reader, queue string, id uint64, receipt int64) (*job, *logv1.Refusal) {
	j, found := findJob(r, queue, id)
	switch {
	case !found:
		return nil, refuse(logv1.Reason_REASON_JOB_NOT_FOUND, "queue %q has no job %d", queue, id)
	case j.rec.State != logv1.JobState_JOB_STATE_CLAIMED:
		return nil, refuse(logv1.Reason_REASON_STALE_RECEIPT, "job %d is not claimed any more", id)
	// mutant_19 (queues that settle a job by its id alone): a worker that lost its
	// claim acks the work of the next one.
	case j.rec.Receipt != receipt && planted.Bug != planted.AckAnyReceipt:
		refusal := refuse(logv1.Reason_REASON_STALE_RECEIPT, "job %d has been claimed again", id)
		refusal.Token, refusal.Holder = j.rec.Receipt, j.rec.Worker
		return nil, refusal
	}
	return j, nil
}

// claimReceiptIs tells whether a worker's claim is current.
func claimReceiptIs(r Reader, queue string, jobID uint64, receipt int64) bool {
	_, refusal := currentClaim(r, queue, jobID, receipt)
	return refusal == nil
}

// claimedJob is a job as its worker gets it, or nil when the receipt is not the
// current one.
func claimedJob(r Reader, queue string, jobID uint64, receipt int64) *logv1.ClaimedJob {
	j, refusal := currentClaim(r, queue, jobID, receipt)
	if refusal != nil {
		return nil
	}
	return j.claimed(r, queue)
}

// claimed is a claimed job as its worker gets it.
func (j *job) claimed(r Reader, queue string) *logv1.ClaimedJob {
	return &logv1.ClaimedJob{
		JobId:       j.id,
		Receipt:     j.rec.Receipt,
		Body:        r.Get(jobBodyKey(r, queue, j.id)),
		Attempt:     j.rec.Attempt,
		MaxAttempts: j.rec.MaxAttempts,
		Priority:    j.rec.Priority,
		Group:       j.rec.Group,
		Headers:     j.rec.Headers,
		ClaimMs:     j.rec.ClaimMs,
		EnqueuedMs:  j.rec.EnqueuedMs,
	}
}
