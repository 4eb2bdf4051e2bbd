package conclave

import (
	"context"
	"iter"
	"time"

	conclavev1 "github.com/conclavehq/conclave/proto/gen/conclave/v1"
)

// JobState is where a job is in its life.
type JobState int32

// The states of a job.
const (
	JobReady   = JobState(conclavev1.JobState_JOB_STATE_READY)
	JobDelayed = JobState(conclavev1.JobState_JOB_STATE_DELAYED)
	JobClaimed = JobState(conclavev1.JobState_JOB_STATE_CLAIMED)
	// JobDead has used up its attempts, or was buried.
	JobDead = JobState(conclavev1.JobState_JOB_STATE_DEAD)
	// JobDone is acked and retained.
	JobDone = JobState(conclavev1.JobState_JOB_STATE_DONE)
	// JobBlocked waits for an earlier job of its group.
	JobBlocked = JobState(conclavev1.JobState_JOB_STATE_BLOCKED)
)

var jobStates = map[JobState]string{
	JobReady: "ready", JobDelayed: "delayed", JobClaimed: "claimed",
	JobDead: "dead", JobDone: "done", JobBlocked: "blocked",
}

// String names the state.
func (s JobState) String() string {
	if name, ok := jobStates[s]; ok {
		return name
	}
	return "unknown"
}

// ParseJobState reads the name of a state, e.g. "dead".
func ParseJobState(name string) (JobState, error) {
	for state, known := range jobStates {
		if known == name {
			return state, nil
		}
	}
	return 0, invalid("%q is no state of a job; there are ready, delayed, claimed, dead, done and blocked", name)
}

// JobInfo is a job as a human sees it.
type JobInfo struct {
	ID                   JobID
	State                JobState
	Body                 []byte
	Priority             int
	Group, DedupID       string
	Attempt, MaxAttempts int
	Enqueued             time.Time
	// DueIn is how long until a delayed job is ready or a claim ends.
	DueIn time.Duration
	// Receipt, Worker and Note are of the current claim.
	Receipt Token
	Worker  *Card
	Note    string
	// History has the past attempts, oldest first.
	History []JobAttempt
	// Result is what the worker left with Ack.
	Result  []byte
	Headers map[string]string
}

// JobAttempt is one past attempt.
type JobAttempt struct {
	Attempt int
	Worker  Card
	Ended   time.Time
	// Outcome is what ended it, e.g. "nacked"; Reason is the worker's own word.
	Outcome, Reason string
}

// Get shows one job with its history. It fails with ErrJobNotFound when the job
// is finished and not retained.
func (q *Queue) Get(ctx context.Context, id JobID) (*JobInfo, error) {
	res, err := read(ctx, q.client, (*services).GetJob, &conclavev1.GetJobRequest{
		Namespace: q.client.where(),
		Queue:     q.name,
		JobId:     uint64(id),
	})
	if err != nil {
		return nil, during(err, "get job %d of %q", id, q.name)
	}
	return jobFrom(res.GetJob()), nil
}

// Peek goes through the jobs in one state without claiming them, by id, page by
// page. 0 means ready ones.
func (q *Queue) Peek(ctx context.Context, state JobState) iter.Seq2[*JobInfo, error] {
	return func(yield func(*JobInfo, error) bool) {
		var after uint64
		for {
			res, err := read(ctx, q.client, (*services).PeekJobs, &conclavev1.PeekJobsRequest{
				Namespace:  q.client.where(),
				Queue:      q.name,
				State:      conclavev1.JobState(state),
				AfterJobId: after,
				Limit:      peekPage,
			})
			if err != nil {
				yield(nil, during(err, "peek at jobs of %q", q.name))
				return
			}
			for _, job := range res.GetJobs() {
				after = job.GetJobId()
				if !yield(jobFrom(job), nil) {
					return
				}
			}
			if !res.GetMore() {
				return
			}
		}
	}
}

// peekPage is small, because jobs come with their bodies.
const peekPage = 100

// Kick makes up to limit jobs ready, the dead ones first, and returns how many.
func (q *Queue) Kick(ctx context.Context, limit int) (int64, error) {
	return q.kick(ctx, &conclavev1.KickJobsRequest{Limit: int32(limit)})
}

// KickJob makes one dead or delayed job ready.
func (q *Queue) KickJob(ctx context.Context, id JobID) error {
	_, err := q.kick(ctx, &conclavev1.KickJobsRequest{JobId: uint64(id)})
	return err
}

func (q *Queue) kick(ctx context.Context, req *conclavev1.KickJobsRequest) (int64, error) {
	req.Namespace, req.Queue = q.client.where(), q.name
	res, err := mutate(ctx, q.client, (*services).KickJobs, req, &req.RequestId)
	return res.GetKicked(), during(err, "kick jobs of %q", q.name)
}

// Bury puts a job aside as dead, in whosever hands it is.
func (q *Queue) Bury(ctx context.Context, id JobID, reason string) error {
	req := &conclavev1.BuryJobRequest{
		Namespace: q.client.where(),
		Queue:     q.name,
		JobId:     uint64(id),
		Reason:    reason,
	}
	_, err := mutate(ctx, q.client, (*services).BuryJob, req, &req.RequestId)
	return during(err, "bury job %d of %q", id, q.name)
}

// Cancel removes a job in any state. The context of whoever works on it ends.
func (q *Queue) Cancel(ctx context.Context, id JobID, reason string) error {
	req := &conclavev1.CancelJobRequest{
		Namespace: q.client.where(),
		Queue:     q.name,
		JobId:     uint64(id),
		Reason:    reason,
	}
	_, err := mutate(ctx, q.client, (*services).CancelJob, req, &req.RequestId)
	return during(err, "cancel job %d of %q", id, q.name)
}

func jobFrom(j *conclavev1.Job) *JobInfo {
	info := &JobInfo{
		ID:          JobID(j.GetJobId()),
		State:       JobState(j.GetState()),
		Body:        valueBytes(j.GetBody()),
		Priority:    int(j.GetPriority()),
		Group:       j.GetGroup(),
		DedupID:     j.GetDedupId(),
		Attempt:     int(j.GetAttempt()),
		MaxAttempts: int(j.GetMaxAttempts()),
		Enqueued:    j.GetEnqueued().AsTime(),
		DueIn:       j.GetDueIn().AsDuration(),
		Receipt:     Token(j.GetReceipt()),
		Note:        j.GetNote(),
		History:     each(j.GetHistory(), attemptFrom),
		Result:      valueBytes(j.GetResult()),
		Headers:     j.GetHeaders(),
	}
	if j.GetWorker() != nil {
		worker := cardFrom(j.GetWorker())
		info.Worker = &worker
	}
	return info
}

func attemptFrom(a *conclavev1.JobAttempt) JobAttempt {
	return JobAttempt{
		Attempt: int(a.GetAttempt()),
		Worker:  cardFrom(a.GetWorker()),
		Ended:   a.GetEnded().AsTime(),
		Outcome: a.GetOutcome(),
		Reason:  a.GetReason(),
	}
}
