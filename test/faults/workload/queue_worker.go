package workload

import (
	"context"
	"errors"
	"fmt"
	"time"

	conclave "github.com/conclavehq/conclave/sdk"
	"github.com/conclavehq/conclave/test/faults/history"
)

// queueWorker claims jobs and finishes them in many ways. It has an SDK client of its
// own, with which it can vanish.
type queueWorker struct {
	member
	rig  *queueRig
	raw  bool // its claims last as long as they were made for, and no longer
	own  bool // the client is its own
	late []claim
}

// claim is a job in the hands of a worker, or what is left of it.
type claim struct {
	queue   string
	body    string
	job     conclave.JobID
	receipt conclave.Token
	lasts   time.Duration
	claimed *conclave.Job // nil for a raw worker
	tenure  *vigil        // nil when the claim was left alone
	due     time.Time     // when to come too late
}

// turn is one claim and what follows.
func (w *queueWorker) turn() {
	if !w.own && !w.redial() {
		return
	}
	if len(w.late) > 0 && time.Now().After(w.late[0].due) {
		w.comeLate(w.late[0])
		w.late = w.late[1:]
	}
	if !w.join() {
		return
	}
	name := w.rig.names[w.rand.IntN(len(w.rig.names))]
	if w.raw {
		w.turnRaw(name)
		return
	}
	w.turnSDK(name)
}

// redial gives the worker a client of its own.
func (w *queueWorker) redial() bool {
	sdk, err := w.load.pool.ownSDK(lane{history.Queues, everyNode, w.namespace})
	if err != nil {
		return false // pool.check has dialed the same endpoints
	}
	w.sdk, w.node, w.own = sdk, "", true
	return true
}

// vanish is what a process does that is killed: its connections end, and nobody is
// told.
func (w *queueWorker) vanish() {
	_ = w.sdk.Close()
	w.session, w.own = nil, false
}

// quit ends the worker.
func (w *queueWorker) quit() {
	if w.own {
		w.leave()
		w.vanish()
	}
	for _, held := range w.late {
		held.over()
	}
}

// over ends the watch over a claim and reports whether it was not lost before.
func (c *claim) over() bool { return c.tenure != nil && c.tenure.end() }

func (w *queueWorker) turnSDK(name string) {
	claims, ok := w.claim(name)
	if !ok {
		return
	}
	for i := range claims {
		claims[i].tenure = w.watch(claims[i].claimed.Context(), w.record(history.ClaimLost, claims[i]))
	}
	switch w.rand.IntN(150) {
	case 0:
		w.abandon(claims)
		w.vanish()
	case 1:
		w.abandon(claims)
		ttl := w.session.TTL()
		w.desert()
		w.plan(claims, ttl+w.between(0, time.Second))
	default:
		for _, held := range claims {
			w.finishOne(held)
		}
	}
}

// claim takes up to three jobs. It reports false when there is nothing to go on with.
func (w *queueWorker) claim(name string) ([]claim, bool) {
	r := w.begin(history.Claimed)
	r.Key, r.Lease = name, int64(w.session.ID())
	r.TTL = w.between(300*time.Millisecond, 2*time.Second).Truncate(time.Millisecond)
	worker, most := w.session.Queue(name, conclave.WithClaimFor(r.TTL)), 1+w.rand.IntN(3)
	ctx, cancel := w.deadline()
	defer cancel()
	var (
		jobs []*conclave.Job
		err  error
	)
	if w.chance(2) {
		jobs, err = worker.TryClaim(ctx, most)
	} else {
		jobs, err = worker.Claim(ctx, most, conclave.WithWait(w.between(10*time.Millisecond, 100*time.Millisecond)))
	}
	switch outcome, reason := asked(err); {
	case errors.Is(err, conclave.ErrWaitTimeout):
		return nil, false
	case err != nil:
		w.settle(&r, outcome, reason, err)
		w.count(err)
		w.leave()
		return nil, false
	}
	w.count(nil)
	r.Return = w.load.history.Now()
	var claims []claim
	for _, job := range jobs {
		r.Value, r.Job, r.Token, r.Attempt = string(job.Body), uint64(job.ID), int64(job.Receipt), int32(job.Attempt)
		w.load.history.Add(r)
		claims = append(claims, claim{queue: name, body: r.Value, job: job.ID, receipt: job.Receipt, lasts: r.TTL, claimed: job})
	}
	return claims, len(claims) > 0
}

// record begins a record about a claim.
func (w *queueWorker) record(kind history.Kind, held claim) history.Record {
	r := w.begin(kind)
	r.Key, r.Job, r.Token = held.queue, uint64(held.job), int64(held.receipt)
	return r
}

// abandon records that claims are left alone.
func (w *queueWorker) abandon(claims []claim) {
	for i := range claims {
		if claims[i].over() {
			w.lost(w.record(history.ClaimLost, claims[i]), deserted)
		}
		claims[i].tenure = nil
	}
}

// plan makes the worker come back to claims when they are over.
func (w *queueWorker) plan(claims []claim, after time.Duration) {
	for _, held := range claims {
		held.due = time.Now().Add(after)
		w.late = append(w.late, held)
	}
}

// finishOne acks a job, in a call of its own or together with its effect, or gives it
// back.
func (w *queueWorker) finishOne(held claim) {
	if w.chance(12) {
		w.extend(held)
	}
	if w.chance(4) {
		w.rest(w.between(0, 10*time.Millisecond))
	}
	if !held.over() {
		return
	}
	ctx, cancel := w.deadline()
	defer cancel()
	switch {
	case w.chance(8):
		w.finished(w.record(history.Nacked, held), held, func() error {
			return held.claimed.Nack(ctx, conclave.RetryIn(w.between(0, 100*time.Millisecond)))
		})
	case w.chance(3):
		w.ackWithEffect(ctx, held)
	default:
		w.finished(w.record(history.Acked, held), held, func() error { return held.claimed.Ack(ctx) })
	}
}

// finished makes the last call about a claim and records it.
func (w *queueWorker) finished(r history.Record, held claim, call func() error) history.Record {
	err := call()
	outcome, reason := asked(err)
	if losses[reason] {
		w.lost(w.record(history.ClaimLost, held), reason) // just now: nothing was sent
		r.Outcome = history.Refused
		return r
	}
	w.settle(&r, outcome, reason, err)
	w.count(err)
	switch {
	case outcome == history.Unknown:
		w.leave()
	case outcome == history.OK && r.Kind == history.Acked:
		w.rig.open.Add(-1)
	}
	return r
}

// ackWithEffect finishes a job in one commit with what it does.
func (w *queueWorker) ackWithEffect(ctx context.Context, held claim) {
	txn := w.begin(history.Txn)
	txn.Then = []history.Op{put("done/"+held.queue, fmt.Sprintf("%s %d", held.body, held.receipt))}
	var revision conclave.Revision
	r := w.finished(w.record(history.Acked, held), held, func() error {
		res, err := w.sdk.Txn().Then(append(opsOf(txn.Then), held.claimed.OpAck())...).Commit(ctx)
		if err == nil {
			revision = res.Revision
		}
		return err
	})
	if r.Return == 0 {
		return // it was lost before
	}
	txn.Client, txn.Call, txn.Return, txn.Outcome, txn.Reason = r.Client, r.Call, r.Return, r.Outcome, r.Reason
	txn.Succeeded, txn.Revision = r.Outcome == history.OK, int64(revision)
	w.load.history.Add(txn)
}

// extend gives a claim its full time again.
func (w *queueWorker) extend(held claim) {
	r := w.record(history.Extended, held)
	r.TTL = held.lasts
	ctx, cancel := w.deadline()
	defer cancel()
	err := held.claimed.Progress(ctx, "half way")
	outcome, reason := asked(err)
	if losses[reason] {
		return // nothing was sent, and the vigil tells
	}
	w.settle(&r, outcome, reason, err)
}

// comeLate finishes a job whose claim was left alone for longer than it lasts.
func (w *queueWorker) comeLate(held claim) {
	held.over()
	ctx, cancel := w.deadline()
	defer cancel()
	q := w.sdk.Queue(held.queue)
	if w.chance(4) {
		r := w.record(history.Nacked, held)
		_, err := q.Nack(ctx, held.job, held.receipt)
		w.changed(&r, err)
		return
	}
	r := w.record(history.Acked, held)
	w.changed(&r, q.Ack(ctx, held.job, held.receipt))
	if r.Outcome == history.OK {
		w.rig.open.Add(-1)
	}
}
