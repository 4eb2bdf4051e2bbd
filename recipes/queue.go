package recipes

import (
	"fmt"

	"github.com/conclavehq/conclave/internal/keys"
	logv1 "github.com/conclavehq/conclave/proto/gen/conclave/log/v1"
	storagev1 "github.com/conclavehq/conclave/proto/gen/conclave/storage/v1"
)

// Limits and defaults of queues. What a caller may send is checked before it
// gets here; these hold whatever the caller is.
const (
	maxQueueJobs    = 10_000_000
	maxQueueWaiters = 100_000
	// Jobs that one claim takes, one kick moves or one page shows at most.
	maxJobsPerCall = 1000
	// Bodies that one claim or page carries, unless a single job has more.
	maxBytesPerCall = 8 << 20
	// Attempts of a job that are remembered.
	maxJobHistory = 16

	defaultMaxAttempts = 10
	defaultBackoffMS   = 1_000
	defaultMaxBackoff  = 60_000
	defaultClaimMS     = 30_000
	defaultRetainMS    = 3_600_000
)

// openQueue is a queue while one command works on it: its record is read once,
// and close writes it back.
type openQueue struct {
	tx   Tx
	name string
	rec  storagev1.QueueRecord
}

// open reads the queue's record; a queue that nobody has used yet is empty.
func open(tx Tx, name string) *openQueue {
	q := &openQueue{tx: tx, name: name}
	load(tx, queueKey(tx, name), &q.rec)
	return q
}

// close ends a command that changed the queue: workers in line get what became
// ready, in the same commit (promise R1), and the record is written.
func (q *openQueue) close() {
	q.serve()
	save(q.tx, queueKey(q.tx, q.name), &q.rec)
}

// Enqueue adds a job. It is ready at once, later, or when its group lets it.
func Enqueue(tx Tx, cmd *logv1.Enqueue) (*logv1.EnqueueResult, *logv1.Refusal) {
	if cmd.GetMaxAttempts() < 0 {
		return nil, refuse(logv1.Reason_REASON_INVALID_ARGUMENT, "max attempts %d is below zero", cmd.GetMaxAttempts())
	}
	if cmd.GetDedupId() != "" {
		if id, found := dedupJob(tx, cmd.GetQueue(), cmd.GetDedupId()); found {
			return &logv1.EnqueueResult{JobId: id, Duplicate: true}, nil
		}
	}
	q := open(tx, cmd.GetQueue())
	if q.jobs() >= maxQueueJobs {
		return nil, refuse(logv1.Reason_REASON_QUEUE_FULL, "queue %q has %d jobs", cmd.GetQueue(), q.jobs())
	}

	q.rec.LastJobId++
	q.rec.EnqueuedTotal++
	j := newJob(tx, q.rec.LastJobId, cmd)
	body := cmd.GetBody()
	if body == nil {
		body = []byte{} // nil would mean that there is no record
	}
	tx.Set(jobBodyKey(tx, q.name, j.id), body)
	if j.rec.DedupId != "" {
		tx.Set(dedupKey(tx, q.name, j.rec.DedupId), keys.U64(nil, j.id))
	}
	q.lineUp(j, later(tx, cmd.GetDelayMs()))
	q.close()
	return &logv1.EnqueueResult{JobId: j.id}, nil
}

// jobs is the number of jobs in all states.
func (q *openQueue) jobs() int64 {
	return q.rec.Ready + q.rec.Delayed + q.rec.Claimed + q.rec.Dead + q.rec.Done + q.rec.Blocked
}

// newJob is the job that cmd asks for, with the defaults filled in.
func newJob(tx Tx, id uint64, cmd *logv1.Enqueue) *job {
	j := &job{id: id, rec: storagev1.JobRecord{
		Priority:     cmd.GetPriority(),
		Group:        cmd.GetGroup(),
		DedupId:      cmd.GetDedupId(),
		MaxAttempts:  cmd.GetMaxAttempts(),
		BackoffMs:    cmd.GetBackoffMs(),
		MaxBackoffMs: cmd.GetMaxBackoffMs(),
		RetainMs:     cmd.GetRetainMs(),
		Headers:      cmd.GetHeaders(),
		EnqueuedMs:   tx.WallMS(),
		BodyBytes:    int64(len(cmd.GetBody())),
	}}
	if j.rec.MaxAttempts == 0 {
		j.rec.MaxAttempts = defaultMaxAttempts
	}
	if j.rec.BackoffMs == 0 {
		j.rec.BackoffMs = defaultBackoffMS
	}
	if j.rec.MaxBackoffMs == 0 {
		// A longer first wait that was asked for is not cut by a default.
		j.rec.MaxBackoffMs = max(defaultMaxBackoff, j.rec.BackoffMs)
	}
	return j
}

// dedupJob returns the unfinished job that has a dedup id.
func dedupJob(r Reader, queue, dedupID string) (uint64, bool) {
	value := r.Get(dedupKey(r, queue, dedupID))
	if value == nil {
		return 0, false
	}
	return columnU64(value), true
}

func queueKey(r Reader, queue string) []byte {
	return keys.Name(keys.Prefix(r.Namespace(), keys.Queue), queue)
}

func jobKey(r Reader, queue string, id uint64) []byte {
	return keys.U64(keys.Name(keys.Prefix(r.Namespace(), keys.Job), queue), id)
}

func jobBodyKey(r Reader, queue string, id uint64) []byte {
	return keys.U64(keys.Name(keys.Prefix(r.Namespace(), keys.JobBody), queue), id)
}

// readyPrefix begins the keys of a queue's ready index: priority, then id.
func readyPrefix(r Reader, queue string) []byte {
	return keys.Name(keys.Prefix(r.Namespace(), keys.JobReady), queue)
}

func readyKey(r Reader, queue string, priority int32, id uint64) []byte {
	return keys.U64(keys.Inverted(readyPrefix(r, queue), priority), id)
}

// statePrefix begins the keys of the jobs in one state, by id. Ready jobs are
// in the ready index only.
func statePrefix(r Reader, queue string, state logv1.JobState) []byte {
	return keys.U8(keys.Name(keys.Prefix(r.Namespace(), keys.JobState), queue), uint8(state))
}

func stateKey(r Reader, queue string, state logv1.JobState, id uint64) []byte {
	return keys.U64(statePrefix(r, queue, state), id)
}

// groupPrefix begins the keys of a group's blocked jobs, by id.
func groupPrefix(r Reader, queue, group string) []byte {
	return keys.Name(keys.Name(keys.Prefix(r.Namespace(), keys.JobGroup), queue), group)
}

func groupKey(r Reader, queue, group string, id uint64) []byte {
	return keys.U64(groupPrefix(r, queue, group), id)
}

func groupHeadKey(r Reader, queue, group string) []byte {
	return keys.Name(keys.Name(keys.Prefix(r.Namespace(), keys.JobGroupHead), queue), group)
}

func dedupKey(r Reader, queue, dedupID string) []byte {
	return keys.Name(keys.Name(keys.Prefix(r.Namespace(), keys.JobDedup), queue), dedupID)
}

func queueWaiterPrefix(r Reader, queue string) []byte {
	return keys.Name(keys.Prefix(r.Namespace(), keys.QueueWaiter), queue)
}

func queueWaiterKey(r Reader, queue string, ticket int64) []byte {
	return keys.I64(queueWaiterPrefix(r, queue), ticket)
}

// columnU64 reads a column or value that this package wrote as a number.
func columnU64(column []byte) uint64 {
	n, _, err := keys.ReadU64(column)
	if err != nil {
		panic(fmt.Sprintf("recipes: number %x: %v", column, err))
	}
	return n
}
