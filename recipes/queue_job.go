package recipes

import (
	"fmt"

	"github.com/conclavehq/conclave/internal/keys"
	logv1 "github.com/conclavehq/conclave/proto/gen/conclave/log/v1"
	storagev1 "github.com/conclavehq/conclave/proto/gen/conclave/storage/v1"
)

// job is a job and its record.
type job struct {
	id  uint64
	rec storagev1.JobRecord
}

// findJob reads a job.
func findJob(r Reader, queue string, id uint64) (*job, bool) {
	j := &job{id: id}
	return j, load(r, jobKey(r, queue, id), &j.rec)
}

// mustJob reads a job that an index names.
func mustJob(r Reader, queue string, id uint64) *job {
	j, found := findJob(r, queue, id)
	if !found {
		panic(fmt.Sprintf("recipes: queue %q lists job %d, which has no record", queue, id))
	}
	return j
}

// A job is in exactly one state. enter and leave are the only code that changes
// the state, its index, its timer and its count, so these cannot come apart.
// Both take the command's revision.
//
//	           ┌────────────── delay, back-off ──────────────┐
//	           ▼                                             │
//	        DELAYED ── time passes ──▶ READY ── claim ──▶ CLAIMED ── ack ──▶ DONE, gone
//	           ▲                         ▲                   │
//	  (first of its group)               │                   └── attempts used up ──▶ DEAD
//	           │                         │                                            │
//	        BLOCKED ─────────────────────┴──────────────────── kick ──────────────────┘

// enter puts a job, which is in no state, into one.
func (q *openQueue) enter(j *job, state logv1.JobState, due Clock) {
	q.tx.NextRevision()
	j.rec.State, j.rec.DueMs = state, int64(due)
	switch state {
	case logv1.JobState_JOB_STATE_READY:
		q.tx.Set(readyKey(q.tx, q.name, j.rec.Priority, j.id), keys.I64(nil, int64(q.tx.Clock())))
	case logv1.JobState_JOB_STATE_DELAYED:
		setTimer(q.tx, due, timerJobReady, jobColumns(q.name, j.id))
	case logv1.JobState_JOB_STATE_CLAIMED:
		setTimer(q.tx, due, timerClaim, jobColumns(q.name, j.id))
		own(q.tx, j.rec.LeaseId, ownedClaim, jobColumns(q.name, j.id))
	case logv1.JobState_JOB_STATE_DONE:
		setTimer(q.tx, due, timerJobForget, jobColumns(q.name, j.id))
	case logv1.JobState_JOB_STATE_BLOCKED:
		q.tx.Set(groupKey(q.tx, q.name, j.rec.Group, j.id), []byte{})
	}
	if state != logv1.JobState_JOB_STATE_READY {
		q.tx.Set(stateKey(q.tx, q.name, state, j.id), []byte{})
	}
	*q.count(state)++
	save(q.tx, jobKey(q.tx, q.name, j.id), &j.rec)
}

// leave takes a job out of its state. The caller puts it into another one or
// removes it.
func (q *openQueue) leave(j *job) {
	q.tx.NextRevision()
	state, due := j.rec.State, Clock(j.rec.DueMs)
	switch state {
	case logv1.JobState_JOB_STATE_READY:
		q.tx.Delete(readyKey(q.tx, q.name, j.rec.Priority, j.id))
	case logv1.JobState_JOB_STATE_DELAYED:
		clearTimer(q.tx, due, timerJobReady, jobColumns(q.name, j.id))
	case logv1.JobState_JOB_STATE_CLAIMED:
		clearTimer(q.tx, due, timerClaim, jobColumns(q.name, j.id))
		disown(q.tx, j.rec.LeaseId, ownedClaim, jobColumns(q.name, j.id))
		j.rec.Receipt, j.rec.LeaseId, j.rec.ClaimMs = 0, 0, 0
		j.rec.Worker, j.rec.Note = nil, ""
	case logv1.JobState_JOB_STATE_DONE:
		clearTimer(q.tx, due, timerJobForget, jobColumns(q.name, j.id))
	case logv1.JobState_JOB_STATE_BLOCKED:
		q.tx.Delete(groupKey(q.tx, q.name, j.rec.Group, j.id))
	}
	if state != logv1.JobState_JOB_STATE_READY {
		q.tx.Delete(stateKey(q.tx, q.name, state, j.id))
	}
	*q.count(state)--
}

// count is the queue's counter of a state.
func (q *openQueue) count(state logv1.JobState) *int64 {
	switch state {
	case logv1.JobState_JOB_STATE_READY:
		return &q.rec.Ready
	case logv1.JobState_JOB_STATE_DELAYED:
		return &q.rec.Delayed
	case logv1.JobState_JOB_STATE_CLAIMED:
		return &q.rec.Claimed
	case logv1.JobState_JOB_STATE_DEAD:
		return &q.rec.Dead
	case logv1.JobState_JOB_STATE_DONE:
		return &q.rec.Done
	case logv1.JobState_JOB_STATE_BLOCKED:
		return &q.rec.Blocked
	}
	panic(fmt.Sprintf("recipes: queue %q has a job in state %v", q.name, state))
}

// finish ends what a job stood for: its group goes on without it, and its dedup
// id is free. For a job that is finished already it does nothing.
func (q *openQueue) finish(j *job) {
	q.stepAside(j)
	if j.rec.DedupId == "" {
		return
	}
	if id, found := dedupJob(q.tx, q.name, j.rec.DedupId); found && id == j.id {
		q.tx.Delete(dedupKey(q.tx, q.name, j.rec.DedupId))
	}
}

// erase removes a job that has left its state.
func (q *openQueue) erase(j *job) {
	q.tx.Delete(jobKey(q.tx, q.name, j.id))
	q.tx.Delete(jobBodyKey(q.tx, q.name, j.id))
}

// lineUp puts a job that is to be done, not before due, where it belongs: ready,
// delayed, or behind the unfinished job of its group (promise Q4).
func (q *openQueue) lineUp(j *job, due Clock) {
	if j.rec.Group != "" {
		head, found := q.groupHead(j.rec.Group)
		if found && head != j.id {
			q.enter(j, logv1.JobState_JOB_STATE_BLOCKED, due)
			return
		}
		q.tx.Set(groupHeadKey(q.tx, q.name, j.rec.Group), keys.U64(nil, j.id))
	}
	if due > q.tx.Clock() {
		q.enter(j, logv1.JobState_JOB_STATE_DELAYED, due)
		return
	}
	q.enter(j, logv1.JobState_JOB_STATE_READY, 0)
}

// groupHead is the one job of a group that is ready, delayed or claimed.
func (q *openQueue) groupHead(group string) (uint64, bool) {
	value := q.tx.Get(groupHeadKey(q.tx, q.name, group))
	if value == nil {
		return 0, false
	}
	return columnU64(value), true
}

// stepAside makes the next job of the group its head, if j is the head.
func (q *openQueue) stepAside(j *job) {
	if j.rec.Group == "" {
		return
	}
	if head, found := q.groupHead(j.rec.Group); !found || head != j.id {
		return
	}
	q.tx.Delete(groupHeadKey(q.tx, q.name, j.rec.Group))
	var next *job
	prefix := groupPrefix(q.tx, q.name, j.rec.Group)
	q.tx.Scan(prefix, keys.After(prefix), func(key, _ []byte) bool {
		next = mustJob(q.tx, q.name, columnU64(key[len(prefix):]))
		return false
	})
	if next != nil {
		due := Clock(next.rec.DueMs)
		q.leave(next)
		q.lineUp(next, due)
	}
}
