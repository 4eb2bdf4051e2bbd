package recipes

import (
	"fmt"

	"github.com/conclavehq/conclave/internal/keys"
	logv1 "github.com/conclavehq/conclave/proto/gen/conclave/log/v1"
	storagev1 "github.com/conclavehq/conclave/proto/gen/conclave/storage/v1"
)

// GetJob shows one job.
func GetJob(r Reader, query *logv1.GetJob) (*logv1.GetJobResult, *logv1.Refusal) {
	j, found := findJob(r, query.GetQueue(), query.GetJobId())
	if !found {
		return nil, refuse(logv1.Reason_REASON_JOB_NOT_FOUND, "queue %q has no job %d", query.GetQueue(), query.GetJobId())
	}
	return &logv1.GetJobResult{Job: j.info(r, query.GetQueue())}, nil
}

// PeekJobs shows the jobs in one state, ready ones by default.
func PeekJobs(r Reader, query *logv1.PeekJobs) (*logv1.PeekJobsResult, *logv1.Refusal) {
	if r.Get(queueKey(r, query.GetQueue())) == nil {
		return nil, noQueue(query.GetQueue())
	}
	limit := int(query.GetLimit())
	if limit <= 0 {
		limit = pageDefault
	}
	limit = min(limit, maxJobsPerCall)
	var ids []uint64
	switch query.GetState() {
	case logv1.JobState_JOB_STATE_UNSPECIFIED, logv1.JobState_JOB_STATE_READY:
		ids = readyJobs(r, query, limit+1)
	default:
		ids = jobsInState(r, query.GetQueue(), query.GetState(), query.GetAfterJobId(), limit+1)
	}

	result := &logv1.PeekJobsResult{}
	var bytes int64
	for _, id := range ids {
		j := mustJob(r, query.GetQueue(), id)
		bytes += j.rec.BodyBytes + int64(len(j.rec.Result))
		if len(result.Jobs) == limit || len(result.Jobs) > 0 && bytes > maxBytesPerCall {
			result.More = true
			break
		}
		result.Jobs = append(result.Jobs, j.info(r, query.GetQueue()))
	}
	return result, nil
}

// readyJobs lists ready jobs in the order of claims, after the query's cursor.
func readyJobs(r Reader, query *logv1.PeekJobs, limit int) []uint64 {
	prefix := readyPrefix(r, query.GetQueue())
	from := prefix
	if id := query.GetAfterJobId(); id != 0 {
		priority := query.GetAfterPriority()
		if j, found := findJob(r, query.GetQueue(), id); found {
			priority = j.rec.Priority
		}
		from = keys.After(readyKey(r, query.GetQueue(), priority, id))
	}
	var ids []uint64
	r.Scan(from, keys.After(prefix), func(key, _ []byte) bool {
		ids = append(ids, columnU64(key[len(key)-8:]))
		return len(ids) < limit
	})
	return ids
}

// info is a job as a human sees it.
func (j *job) info(r Reader, queue string) *logv1.JobInfo {
	info := &logv1.JobInfo{
		JobId:       j.id,
		State:       j.rec.State,
		Body:        r.Get(jobBodyKey(r, queue, j.id)),
		Priority:    j.rec.Priority,
		Group:       j.rec.Group,
		DedupId:     j.rec.DedupId,
		Attempt:     j.rec.Attempt,
		MaxAttempts: j.rec.MaxAttempts,
		EnqueuedMs:  j.rec.EnqueuedMs,
		Receipt:     j.rec.Receipt,
		Worker:      j.rec.Worker,
		Note:        j.rec.Note,
		History:     j.rec.History,
		Result:      j.rec.Result,
		Headers:     j.rec.Headers,
	}
	switch j.rec.State {
	case logv1.JobState_JOB_STATE_DELAYED, logv1.JobState_JOB_STATE_CLAIMED:
		info.DueInMs = max(j.rec.DueMs-int64(r.Clock()), 0)
	}
	return info
}

// GetQueue counts the jobs of one queue.
func GetQueue(r Reader, query *logv1.GetQueue) (*logv1.GetQueueResult, *logv1.Refusal) {
	var rec storagev1.QueueRecord
	if !load(r, queueKey(r, query.GetQueue()), &rec) {
		return nil, noQueue(query.GetQueue())
	}
	return &logv1.GetQueueResult{Stats: queueStats(r, query.GetQueue(), &rec)}, nil
}

func noQueue(queue string) *logv1.Refusal {
	return refuse(logv1.Reason_REASON_QUEUE_NOT_FOUND, "there is no queue %q", queue)
}

// ListQueues counts the jobs of all queues, by name. A queue that is empty now
// is listed too.
func ListQueues(r Reader, query *logv1.ListQueues) (*logv1.ListQueuesResult, *logv1.Refusal) {
	page := newPage(query.GetLimit())
	result := &logv1.ListQueuesResult{}
	scanNames(r, keys.Queue, query.GetPrefix(), query.GetAfter(), func(name string, key, value []byte) bool {
		if !page.take() {
			result.More = true
			return false
		}
		var rec storagev1.QueueRecord
		decode(key, value, &rec)
		result.Queues = append(result.Queues, queueStats(r, name, &rec))
		return true
	})
	return result, nil
}

func queueStats(r Reader, queue string, rec *storagev1.QueueRecord) *logv1.QueueStats {
	stats := &logv1.QueueStats{
		Queue:          queue,
		Ready:          rec.GetReady(),
		Delayed:        rec.GetDelayed(),
		Claimed:        rec.GetClaimed(),
		Dead:           rec.GetDead(),
		Done:           rec.GetDone(),
		Blocked:        rec.GetBlocked(),
		WaitingWorkers: rec.GetWaiting(),
		EnqueuedTotal:  rec.GetEnqueuedTotal(),
		AckedTotal:     rec.GetAckedTotal(),
		NackedTotal:    rec.GetNackedTotal(),
		ExpiredTotal:   rec.GetExpiredTotal(),
	}
	prefix := readyPrefix(r, queue)
	r.Scan(prefix, keys.After(prefix), func(key, value []byte) bool {
		since, _, err := keys.ReadI64(value)
		if err != nil {
			panic(fmt.Sprintf("recipes: ready since %x at key %x: %v", value, key, err))
		}
		stats.OldestReadyMs = max(int64(r.Clock())-since, 0)
		return false
	})
	return stats
}
