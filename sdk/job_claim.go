package conclave

import (
	"context"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"

	conclavev1 "github.com/conclavehq/conclave/proto/gen/conclave/v1"
)

// finish ends the claim. endFirst ends the job's context before the service
// can hand the job to somebody else.
func (j *Job) finish(ctx context.Context, endFirst bool, send func(ctx context.Context, id *requestID) error) error {
	if j.ctx.Err() != nil {
		return context.Cause(j.ctx)
	}
	if !j.setFinished(true) {
		return &Error{Reason: reasonReleased, Message: "the job is finished already"}
	}
	ctx, stop := outliving(ctx)
	defer stop()
	if endFirst {
		j.end()
	}
	s := j.worker.session
	id := s.client.quickIDs.begin()
	err := send(ctx, id)
	switch {
	case err == nil:
		j.end()
	case ctx.Err() != nil:
		again := func() {
			defer id.end()
			defer j.end()
			_ = send(s.ctx, id) // the job is handed on with the session otherwise
		}
		if s.start(again) {
			return err
		}
		j.end()
	case isGone(err):
		s.claims.remove(j)
		s.grants.lose(j.key(), err)
	default:
		// Refused for what was sent with it: another try may do better.
		j.setFinished(endFirst)
	}
	id.end()
	return err
}

// setFinished reports whether it changed anything.
func (j *Job) setFinished(finished bool) bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	changed := j.finished != finished
	j.finished = finished
	return changed
}

func (j *Job) isFinished() bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.finished
}

// extendIn is when to extend the claim: when half of its time is left.
func (j *Job) extendIn() time.Duration {
	return max(0, j.deadline.left()-j.claimFor/2)
}

// isGone reports whether a claim is over for good.
func isGone(err error) bool {
	return isReason(err, reasonStaleReceipt, reasonJobNotFound, reasonWrongState, "QUEUE_NOT_FOUND")
}

// extend gives the claim its full time again.
func (j *Job) extend(ctx context.Context) error {
	if j.ctx.Err() != nil {
		return context.Cause(j.ctx)
	}
	ctx, cancel := context.WithTimeout(ctx, j.deadline.left())
	defer cancel()
	s := j.worker.session
	j.mu.Lock()
	note := j.note
	j.mu.Unlock()

	sent := now()
	req := &conclavev1.ExtendClaimRequest{
		Namespace: s.client.where(),
		Queue:     j.worker.name,
		JobId:     uint64(j.ID),
		Receipt:   int64(j.Receipt),
		ClaimFor:  durationpb.New(j.claimFor),
		Note:      note,
	}
	_, err := mutate(ctx, s.client, (*services).ExtendClaim, req, &req.RequestId)
	switch {
	case err == nil:
		j.deadline.extend(sent, j.claimFor)
	case isGone(err) && !j.isFinished(): // else it may be the job's own ack that was faster
		s.claims.remove(j)
		s.grants.lose(j.key(), &Error{Reason: reasonLost, Message: "the claim is over", Token: j.Receipt, cause: err})
	}
	return err
}
