package conclave

import (
	"context"
	"maps"
	"sync"
	"time"

	conclavev1 "github.com/conclavehq/conclave/proto/gen/conclave/v1"
)

// Job is a job in the hands of this session. Its claim extends itself.
type Job struct {
	// ID names the job.
	ID JobID
	// Body is what was enqueued.
	Body []byte
	// Receipt is the fencing token of the claim.
	Receipt Token
	// Attempt counts from 1.
	Attempt, MaxAttempts int
	Priority             int
	Group                string
	Headers              map[string]string
	// Enqueued is when, by the wall clock of a node.
	Enqueued time.Time

	worker   *Worker
	grant    *grant
	deadline *deadline // of the claim
	ctx      context.Context
	claimFor time.Duration

	mu       sync.Mutex // protects what follows
	finished bool       // or about to be
	note     string
}

// newJob takes note of a claim that was asked for at that time.
func newJob(w *Worker, claimed *conclavev1.ClaimedJob, sent stamp, claimFor time.Duration) *Job {
	s := w.session
	j := &Job{
		ID:          JobID(claimed.GetJobId()),
		Body:        valueBytes(claimed.GetBody()),
		Receipt:     Token(claimed.GetReceipt()),
		Attempt:     int(claimed.GetAttempt()),
		MaxAttempts: int(claimed.GetMaxAttempts()),
		Priority:    int(claimed.GetPriority()),
		Group:       claimed.GetGroup(),
		Headers:     maps.Clone(claimed.GetHeaders()),
		Enqueued:    claimed.GetEnqueued().AsTime(),
		worker:      w,
		claimFor:    claimFor,
	}
	j.grant = s.granted(j.key())
	j.deadline, j.ctx = newDeadline(j.grant.ctx, sent, claimFor, func() error {
		return &Error{Reason: reasonLost, Message: "no extension of the claim was acknowledged in time", Token: j.Receipt}
	})
	s.claims.add(j)
	return j
}

// Context ends when the job is acked, nacked, buried, canceled or lost, or with
// the session; context.Cause says why. It ends before the service can hand the
// job to somebody else, unless an administrator canceled or buried it: then at
// once when the news arrives, or, right after a session's first claim and while
// the node is changed, when the claim is extended next.
func (j *Job) Context() context.Context { return j.ctx }

// Guard makes a transaction fail with ErrGuardFailed unless the job is still
// claimed with this receipt.
func (j *Job) Guard() Guard { return ClaimGuard(j.worker.name, j.ID, j.Receipt) }

// Progress leaves a note on what the worker is doing, up to 1024 bytes, which
// others see when they look at the job. It is sent with the next extension of
// the claim, which is made now.
func (j *Job) Progress(ctx context.Context, note string) error {
	j.mu.Lock()
	j.note = note
	j.mu.Unlock()
	return during(j.extend(ctx), "extend the claim of job %d of %q", j.ID, j.worker.name)
}

// Ack finishes the job. It fails with ErrStaleReceipt, or with the loss, when
// the job is not this session's any more: its effects may be done twice then,
// unless they were guarded. If ctx ends before the service has answered, Ack
// goes on in the background.
func (j *Job) Ack(ctx context.Context, opts ...AckOption) error {
	c := j.worker.client
	err := j.finish(ctx, false, func(ctx context.Context, id *requestID) error {
		req := ackRequest(j.worker.name, j.ID, j.Receipt, opts)
		req.Namespace = c.where()
		_, err := mutateAs(ctx, c, id, (*services).AckJob, req, &req.RequestId)
		return err
	})
	return during(err, "ack job %d of %q", j.ID, j.worker.name)
}

// Nack ends the job's context and gives the job back as failed: it is ready
// again after its back-off, or dead when its attempts are used up.
func (j *Job) Nack(ctx context.Context, opts ...NackOption) error {
	c := j.worker.client
	err := j.finish(ctx, true, func(ctx context.Context, id *requestID) error {
		req := nackRequest(j.worker.name, j.ID, j.Receipt, opts)
		req.Namespace = c.where()
		_, err := mutateAs(ctx, c, id, (*services).NackJob, req, &req.RequestId)
		return err
	})
	return during(err, "nack job %d of %q", j.ID, j.worker.name)
}

// Bury ends the job's context and puts the job aside as dead, for a human to
// look at. Queue.Kick makes it ready again.
func (j *Job) Bury(ctx context.Context, reason string) error {
	c := j.worker.client
	err := j.finish(ctx, true, func(ctx context.Context, id *requestID) error {
		req := &conclavev1.BuryJobRequest{
			Namespace: c.where(),
			Queue:     j.worker.name,
			JobId:     uint64(j.ID),
			Receipt:   int64(j.Receipt),
			Reason:    reason,
		}
		_, err := mutateAs(ctx, c, id, (*services).BuryJob, req, &req.RequestId)
		return err
	})
	return during(err, "bury job %d of %q", j.ID, j.worker.name)
}

// OpAck finishes the job as part of a transaction: together with what the job
// wrote, so that it takes effect once. The transaction fails with
// ErrStaleReceipt when the job is not this session's any more.
func (j *Job) OpAck(opts ...AckOption) Op {
	return Op{
		op: &conclavev1.TxnOp{Op: &conclavev1.TxnOp_AckJob{
			AckJob: ackRequest(j.worker.name, j.ID, j.Receipt, opts),
		}},
		committed: j.end,
	}
}

// OpNack gives the job back as part of a transaction.
func (j *Job) OpNack(opts ...NackOption) Op {
	return Op{
		op: &conclavev1.TxnOp{Op: &conclavev1.TxnOp_NackJob{
			NackJob: nackRequest(j.worker.name, j.ID, j.Receipt, opts),
		}},
		committed: j.end,
	}
}

func (j *Job) key() grantKey {
	return grantKey{kind: conclavev1.Lost_KIND_CLAIM, name: j.worker.name, token: j.Receipt, job: j.ID}
}

// end lets go of a job that is not this session's any more by its own doing.
func (j *Job) end() {
	j.worker.session.claims.remove(j)
	j.worker.session.grants.remove(j.grant, ErrReleased)
	j.deadline.stop(ErrReleased)
}
