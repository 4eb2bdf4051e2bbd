package recipes

import (
	"strings"

	"github.com/conclavehq/conclave/internal/keys"
	logv1 "github.com/conclavehq/conclave/proto/gen/conclave/log/v1"
)

// endJobDelay makes a job ready whose delay or back-off has passed.
func endJobDelay(tx Tx, queue string, jobID uint64, due Clock) {
	j, found := findJob(tx, queue, jobID)
	if !found || j.rec.State != logv1.JobState_JOB_STATE_DELAYED || Clock(j.rec.DueMs) != due || due > tx.Clock() {
		return
	}
	q := open(tx, queue)
	q.leave(j)
	q.lineUp(j, 0)
	q.close()
}

// KickJobs makes one dead or delayed job ready, or several: dead ones while
// there are any, else delayed ones. A dead job starts with all its attempts
// again.
func KickJobs(tx Tx, cmd *logv1.KickJobs) (*logv1.KickJobsResult, *logv1.Refusal) {
	if cmd.GetJobId() == 0 {
		return kickMany(tx, cmd)
	}
	j, found := findJob(tx, cmd.GetQueue(), cmd.GetJobId())
	if !found {
		return nil, refuse(logv1.Reason_REASON_JOB_NOT_FOUND, "queue %q has no job %d", cmd.GetQueue(), cmd.GetJobId())
	}
	if j.rec.State != logv1.JobState_JOB_STATE_DEAD && j.rec.State != logv1.JobState_JOB_STATE_DELAYED {
		return nil, refuse(logv1.Reason_REASON_WRONG_STATE, "job %d is %s, not dead or delayed", j.id, stateName(j.rec.State))
	}
	q := open(tx, cmd.GetQueue())
	q.kick(j)
	q.close()
	return &logv1.KickJobsResult{Kicked: 1}, nil
}

func kickMany(tx Tx, cmd *logv1.KickJobs) (*logv1.KickJobsResult, *logv1.Refusal) {
	if cmd.GetLimit() > maxJobsPerCall {
		return nil, refuse(logv1.Reason_REASON_TOO_MANY, "a kick moves at most %d jobs, not %d", maxJobsPerCall, cmd.GetLimit())
	}
	q := open(tx, cmd.GetQueue())
	if q.rec.LastJobId == 0 {
		return nil, refuse(logv1.Reason_REASON_QUEUE_NOT_FOUND, "there is no queue %q", cmd.GetQueue())
	}
	state := logv1.JobState_JOB_STATE_DEAD
	if q.rec.Dead == 0 {
		state = logv1.JobState_JOB_STATE_DELAYED
	}
	limit := int(cmd.GetLimit())
	if limit <= 0 {
		limit = maxJobsPerCall
	}
	ids := jobsInState(tx, q.name, state, 0, limit)
	for _, id := range ids {
		q.kick(mustJob(tx, q.name, id))
	}
	if len(ids) > 0 {
		q.close()
	}
	return &logv1.KickJobsResult{Kicked: int64(len(ids))}, nil
}

// kick makes a dead or delayed job ready.
func (q *openQueue) kick(j *job) {
	if j.rec.State == logv1.JobState_JOB_STATE_DEAD {
		j.rec.Attempt = 0
	}
	q.leave(j)
	q.lineUp(j, 0)
}

// jobsInState lists up to limit jobs in a state other than ready, by id. It
// reads the disk, where it may pass many jobs that have left the state: queries
// and acts of an administrator do so, claims do not.
func jobsInState(r Reader, queue string, state logv1.JobState, afterID uint64, limit int) []uint64 {
	var ids []uint64
	prefix := statePrefix(r, queue, state)
	r.Scan(keys.After(keys.U64(statePrefix(r, queue, state), afterID)), keys.After(prefix), func(key, _ []byte) bool {
		ids = append(ids, columnU64(key[len(prefix):]))
		return len(ids) < limit
	})
	return ids
}

// stateName is a state as a sentence names it.
func stateName(state logv1.JobState) string {
	return strings.ToLower(strings.TrimPrefix(state.String(), "JOB_STATE_"))
}
