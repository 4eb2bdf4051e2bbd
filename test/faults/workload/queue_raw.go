package workload

import (
	"context"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"

	conclavev1 "github.com/conclavehq/conclave/proto/gen/conclave/v1"
	conclave "github.com/conclavehq/conclave/sdk"
	"github.com/conclavehq/conclave/test/faults/history"
)

// turnRaw claims a job for a short time and finishes it in that time, extends the
// claim first, or comes too late. The SDK would extend the claim all along.
func (w *queueWorker) turnRaw(name string) {
	at := w.choose(w.rig.singles)
	lasts := w.between(100*time.Millisecond, 600*time.Millisecond).Truncate(time.Millisecond)
	held, ok := w.claimRaw(at, name, lasts)
	if !ok {
		return
	}
	held.tenure = w.watch(w.session.Context(), w.record(history.ClaimLost, held))
	if w.chance(10) {
		w.plan([]claim{held}, lasts+w.between(0, 300*time.Millisecond))
		return
	}
	for range w.rand.IntN(3) {
		if !w.rest(w.between(lasts/10, lasts/2)) || !w.extendRaw(at, held, lasts) {
			break
		}
	}
	held.over()
	ctx, cancel := w.deadline()
	defer cancel()
	r := w.record(history.Acked, held)
	w.changed(&r, w.sdk.Queue(name).Ack(ctx, held.job, held.receipt))
	if r.Outcome == history.OK {
		w.rig.open.Add(-1)
	}
}

// claimRaw takes a job that is ready now.
func (w *queueWorker) claimRaw(at single, name string, lasts time.Duration) (claim, bool) {
	r := w.begin(history.Claimed)
	r.Key, r.Lease, r.TTL, r.Node = name, int64(w.session.ID()), lasts, at.url
	jobs, err := w.askRaw(at, &conclavev1.ClaimJobsRequest{
		Namespace: w.namespace,
		Queue:     name,
		LeaseId:   r.Lease,
		Max:       1,
		ClaimFor:  durationpb.New(lasts),
	})
	if err == nil && len(jobs) == 0 {
		w.count(nil)
		return claim{}, false
	}
	held := claim{queue: name, lasts: lasts}
	if err == nil {
		job := jobs[0]
		held.body, held.job, held.receipt = textOf(job.GetBody()), conclave.JobID(job.GetJobId()), conclave.Token(job.GetReceipt())
		r.Value, r.Job, r.Token, r.Attempt = held.body, job.GetJobId(), job.GetReceipt(), job.GetAttempt()
	}
	w.changed(&r, err)
	if r.Outcome == history.Unknown {
		w.leave()
	}
	return held, err == nil
}

func (w *queueWorker) askRaw(at single, req *conclavev1.ClaimJobsRequest) ([]*conclavev1.ClaimedJob, error) {
	ctx, cancel := w.deadline()
	defer cancel()
	res, err := at.queues.ClaimJobs(ctx, req)
	return res.GetJobs(), toldBy(err)
}

// extendRaw gives a claim its full time again, and reports whether it may still be
// current.
func (w *queueWorker) extendRaw(at single, held claim, lasts time.Duration) bool {
	r := w.record(history.Extended, held)
	r.TTL, r.Node = lasts, at.url
	err := w.within(func(ctx context.Context) error {
		_, err := at.queues.ExtendClaim(ctx, &conclavev1.ExtendClaimRequest{
			Namespace: w.namespace,
			Queue:     held.queue,
			JobId:     uint64(held.job),
			Receipt:   int64(held.receipt),
			ClaimFor:  durationpb.New(lasts),
		})
		return toldBy(err)
	})
	w.changed(&r, err)
	return r.Outcome != history.Refused || undecided[r.Reason]
}

// within makes a call under a deadline.
func (c *client) within(call func(ctx context.Context) error) error {
	ctx, cancel := c.deadline()
	defer cancel()
	return call(ctx)
}

// textOf is a value as text: bodies of jobs are nothing else here.
func textOf(v *conclavev1.Value) string {
	if bytes := v.GetBytes(); len(bytes) > 0 {
		return string(bytes)
	}
	return v.GetText()
}
