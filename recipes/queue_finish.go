package recipes

import (
	"github.com/conclavehq/conclave/internal/planted"
	logv1 "github.com/conclavehq/conclave/proto/gen/conclave/log/v1"
)

// How an attempt ended. The words are shown to humans and stored.
const (
	attemptAcked    = "acked"
	attemptNacked   = "nacked"
	attemptExpired  = "expired"
	attemptLost     = "session lost"
	attemptBuried   = "buried"
	attemptCanceled = "canceled"
)

// AckJob finishes a job. It is kept for a while if that was asked for or there
// is a result to read, and gone otherwise.
func AckJob(tx Tx, cmd *logv1.AckJob) (*logv1.AckJobResult, *logv1.Refusal) {
	j, refusal := currentClaim(tx, cmd.GetQueue(), cmd.GetJobId(), cmd.GetReceipt())
	if refusal != nil {
		return nil, refusal
	}
	q := open(tx, cmd.GetQueue())
	q.rec.AckedTotal++
	j.remember(tx, attemptAcked, "")
	q.leave(j)
	q.finish(j)
	retain := j.rec.RetainMs
	if retain == 0 && len(cmd.GetResult()) > 0 {
		retain = defaultRetainMS
	}
	if retain > 0 {
		j.rec.Result = cmd.GetResult()
		q.enter(j, logv1.JobState_JOB_STATE_DONE, later(tx, retain))
	} else {
		q.erase(j)
	}
	q.close()
	return &logv1.AckJobResult{}, nil
}

// NackJob ends an attempt as failed: the job is tried again after the given
// delay or its back-off, or is dead when it has no attempt left.
func NackJob(tx Tx, cmd *logv1.NackJob) (*logv1.NackJobResult, *logv1.Refusal) {
	j, refusal := currentClaim(tx, cmd.GetQueue(), cmd.GetJobId(), cmd.GetReceipt())
	if refusal != nil {
		return nil, refusal
	}
	delay := cmd.GetDelayMs()
	if delay < 0 {
		delay = j.backoff()
	}
	q := open(tx, cmd.GetQueue())
	q.rec.NackedTotal++
	dead := q.fail(j, attemptNacked, cmd.GetReason(), later(tx, delay))
	q.close()
	return &logv1.NackJobResult{Dead: dead}, nil
}

// expireClaim ends a claim whose time has passed. An extension moved the end, so
// only the timer that was set for the current end counts (promise T4).
func expireClaim(tx Tx, queue string, jobID uint64, due Clock) {
	j, found := findJob(tx, queue, jobID)
	if !found || j.rec.State != logv1.JobState_JOB_STATE_CLAIMED || Clock(j.rec.DueMs) != due || due > tx.Clock() {
		return
	}
	q := open(tx, queue)
	q.rec.ExpiredTotal++
	emitLostClaim(tx, queue, j, "claim expired", "")
	q.fail(j, attemptExpired, "", later(tx, j.backoff()))
	q.close()
}

// loseClaim takes a job back from a session that has ended. The worker is gone
// and the job may be fine, so it is ready at once; the attempt counts, because a
// job that kills its workers must die some day.
func loseClaim(tx Tx, queue string, jobID uint64, leaseID int64, cause string) {
	j, found := findJob(tx, queue, jobID)
	if !found || j.rec.State != logv1.JobState_JOB_STATE_CLAIMED || j.rec.LeaseId != leaseID {
		return
	}
	q := open(tx, queue)
	emitLostClaim(tx, queue, j, cause, "")
	if planted.Bug == planted.JobsDieWithWorker {
		// mutant_25 (brokers that ack on delivery): a job is gone with the worker
		// that had it.
		q.leave(j)
		q.finish(j)
		q.erase(j)
		q.close()
		return
	}
	q.fail(j, attemptLost, cause, 0)
	q.close()
}

// BuryJob puts a job aside as dead: its worker does, or an administrator.
func BuryJob(tx Tx, cmd *logv1.BuryJob) (*logv1.BuryJobResult, *logv1.Refusal) {
	j, found := findJob(tx, cmd.GetQueue(), cmd.GetJobId())
	if cmd.GetReceipt() != 0 || !found {
		var refusal *logv1.Refusal
		if j, refusal = currentClaim(tx, cmd.GetQueue(), cmd.GetJobId(), cmd.GetReceipt()); refusal != nil {
			return nil, refusal
		}
	}
	switch j.rec.State {
	case logv1.JobState_JOB_STATE_DEAD, logv1.JobState_JOB_STATE_DONE:
		return nil, refuse(logv1.Reason_REASON_WRONG_STATE, "job %d is %s", j.id, stateName(j.rec.State))
	case logv1.JobState_JOB_STATE_CLAIMED:
		if cmd.GetReceipt() == 0 {
			emitLostClaim(tx, cmd.GetQueue(), j, "buried", cmd.GetReason())
		}
	}
	q := open(tx, cmd.GetQueue())
	q.bury(j, attemptBuried, cmd.GetReason())
	q.close()
	return &logv1.BuryJobResult{}, nil
}

// CancelJob removes a job in any state. Who works on it is told, and can not
// finish it any more.
func CancelJob(tx Tx, cmd *logv1.CancelJob) (*logv1.CancelJobResult, *logv1.Refusal) {
	j, found := findJob(tx, cmd.GetQueue(), cmd.GetJobId())
	if !found {
		return nil, refuse(logv1.Reason_REASON_JOB_NOT_FOUND, "queue %q has no job %d", cmd.GetQueue(), cmd.GetJobId())
	}
	if j.rec.State == logv1.JobState_JOB_STATE_CLAIMED {
		emitLostClaim(tx, cmd.GetQueue(), j, attemptCanceled, cmd.GetReason())
	}
	q := open(tx, cmd.GetQueue())
	q.leave(j)
	q.finish(j)
	q.erase(j)
	q.close()
	return &logv1.CancelJobResult{}, nil
}

// forgetJob removes a done job whose time to be read has passed.
func forgetJob(tx Tx, queue string, jobID uint64) {
	j, found := findJob(tx, queue, jobID)
	if !found || j.rec.State != logv1.JobState_JOB_STATE_DONE || Clock(j.rec.DueMs) > tx.Clock() {
		return
	}
	q := open(tx, queue)
	q.leave(j)
	q.erase(j)
	q.close()
}

// fail ends an attempt. It answers true when that was the last one.
func (q *openQueue) fail(j *job, outcome, reason string, due Clock) (dead bool) {
	if j.rec.Attempt >= j.rec.MaxAttempts {
		q.bury(j, outcome, reason)
		return true
	}
	j.remember(q.tx, outcome, reason)
	q.leave(j)
	q.lineUp(j, due)
	return false
}

// bury makes a job dead. Its group goes on without it; its dedup id stays taken,
// because somebody still has to decide what becomes of it.
func (q *openQueue) bury(j *job, outcome, reason string) {
	j.remember(q.tx, outcome, reason)
	q.leave(j)
	q.enter(j, logv1.JobState_JOB_STATE_DEAD, 0)
	q.stepAside(j)
}

// remember adds to the job's history how an attempt ended, and by whom.
func (j *job) remember(tx Tx, outcome, reason string) {
	j.rec.History = append(j.rec.History, &logv1.JobAttempt{
		Attempt: j.rec.Attempt,
		Worker:  j.rec.Worker,
		EndedMs: tx.WallMS(),
		Outcome: outcome,
		Reason:  reason,
	})
	if extra := len(j.rec.History) - maxJobHistory; extra > 0 {
		j.rec.History = j.rec.History[extra:]
	}
}

// backoff is the wait after the job's current attempt: the first wait doubled
// with each attempt, up to the longest.
func (j *job) backoff() int64 {
	wait, longest := j.rec.BackoffMs, j.rec.MaxBackoffMs
	if wait < 0 {
		return 0
	}
	if longest < 0 {
		longest = 1 << 53
	}
	for n := int32(1); n < j.rec.Attempt && wait < longest; n++ {
		wait *= 2
	}
	return min(wait, longest)
}

// emitLostClaim tells a worker that its claim has ended before it said so.
func emitLostClaim(tx Tx, queue string, j *job, cause, reason string) {
	tx.NextRevision()
	tx.Emit(&logv1.Event{Body: &logv1.Event_Lost{Lost: &logv1.LostEvent{
		Kind:    logv1.LostEvent_KIND_CLAIM,
		Name:    queue,
		Token:   j.rec.Receipt,
		LeaseId: j.rec.LeaseId,
		Cause:   cause,
		Reason:  reason,
		JobId:   j.id,
	}}})
}
