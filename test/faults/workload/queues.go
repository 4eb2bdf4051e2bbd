package workload

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	conclave "github.com/conclavehq/conclave/sdk"
	"github.com/conclavehq/conclave/test/faults/history"
	"github.com/conclavehq/conclave/test/faults/nap"
)

const (
	queueNames     = 3
	queueProducers = 6
	queueJobs      = 110 // enqueued per second
	queueWorkers   = 9   // of the SDK
	queueRaw       = 3   // workers whose claims nobody extends
	queueTurns     = 150 // claims per second
	// queueFull is how many jobs may be open before producers hold back.
	queueFull = 400
)

// queues: producers add jobs of all kinds; workers claim them and finish them, give
// them back, vanish, or come too late. In the end the queues are drained.
func queues(l *Load) finish {
	rig := &queueRig{singles: l.pool.singles()}
	for i := range queueNames {
		rig.names = append(rig.names, fmt.Sprintf("queue/%d", i))
	}
	for _, c := range l.hire(history.Queues, mix{clients: queueProducers, rate: queueJobs}) {
		p := &producer{client: c, rig: rig}
		l.clients.Go(func() {
			for c.next() {
				p.turn()
			}
		})
	}
	for i, c := range l.hire(history.Queues, mix{clients: queueWorkers + queueRaw, rate: queueTurns}) {
		w := &queueWorker{member: member{client: c}, rig: rig, raw: i%((queueWorkers+queueRaw)/queueRaw) == 0}
		l.clients.Go(func() {
			defer w.quit()
			for c.next() {
				w.turn()
			}
		})
	}
	return rig.drain(l)
}

// queueRig is what producers and workers share.
type queueRig struct {
	names   []string
	singles []single
	open    atomic.Int64 // jobs that were added and not finished, as far as is known
}

// producer adds jobs.
type producer struct {
	*client
	rig *queueRig
}

// turn adds one job, by a call of its own or in a transaction with a write.
func (p *producer) turn() {
	if p.rig.open.Load() > queueFull {
		return
	}
	r := p.begin(history.Enqueued)
	r.Key, r.Value = p.rig.names[p.rand.IntN(len(p.rig.names))], p.load.value()
	opts := p.options(&r)
	if slices.ContainsFunc(r.Values, isDedup) || p.chance(4) {
		p.enqueueWithWrite(&r, opts)
		return
	}
	ctx, cancel := p.deadline()
	defer cancel()
	job, err := p.sdk.Queue(r.Key).Enqueue(ctx, []byte(r.Value), opts...)
	r.Job = uint64(job)
	p.changed(&r, err)
	p.added(&r)
}

// enqueueWithWrite adds a job and writes a key in one commit. Only so it is told
// whether the job was there before, see WithDedup.
func (p *producer) enqueueWithWrite(r *history.Record, opts []conclave.EnqueueOption) {
	txn := *r
	txn.Kind, txn.Key, txn.Value, txn.Values = history.Txn, "", "", nil
	txn.Then = []history.Op{put("made/"+r.Key, p.load.value())}
	ctx, cancel := p.deadline()
	defer cancel()
	res, err := p.sdk.Txn().
		Then(append(opsOf(txn.Then), conclave.OpEnqueue(r.Key, []byte(r.Value), opts...))...).
		Commit(ctx)
	if err == nil {
		txn.Succeeded, txn.Revision, r.Revision = true, int64(res.Revision), int64(res.Revision)
		r.Job = uint64(res.Results[1].Job)
	}
	if err == nil && res.Results[1].Duplicate {
		p.settle(r, history.Refused, "DUPLICATE", nil)
		txn.Return = r.Return // the write was done all the same
	} else {
		p.changed(r, err)
		txn.Return, txn.Outcome, txn.Reason = r.Return, r.Outcome, r.Reason
	}
	p.load.history.Add(txn)
	p.added(r)
}

func (p *producer) added(r *history.Record) {
	if r.Outcome == history.OK {
		p.rig.open.Add(1)
	}
}

// dedupIDs is how many ids there are by which jobs are told apart: few, so that
// duplicates happen.
const dedupIDs = 24

func isDedup(option string) bool { return len(option) > 6 && option[:6] == "dedup=" }

// options chooses what is special about a job, and puts it into its record.
func (p *producer) options(r *history.Record) []conclave.EnqueueOption {
	opts := []conclave.EnqueueOption{conclave.WithBackoff(20*time.Millisecond, 200*time.Millisecond)}
	add := func(opt conclave.EnqueueOption, format string, value any) {
		opts = append(opts, opt)
		r.Values = append(r.Values, fmt.Sprintf(format, value))
	}
	if p.chance(3) {
		priority := p.rand.IntN(5) - 2
		add(conclave.WithPriority(priority), "priority=%d", priority)
	}
	if p.chance(6) {
		delay := p.between(10*time.Millisecond, 300*time.Millisecond).Truncate(time.Millisecond)
		add(conclave.WithDelay(delay), "delay=%v", delay)
	}
	if p.chance(5) {
		group := fmt.Sprintf("g%d", p.rand.IntN(3))
		add(conclave.WithGroup(group), "group=%s", group)
	}
	if p.chance(6) {
		id := fmt.Sprintf("d%d", p.rand.IntN(dedupIDs))
		add(conclave.WithDedup(id), "dedup=%s", id)
	}
	if p.chance(50) { // it may be dead in the end, which is to be rare: nobody revives it
		add(conclave.WithMaxAttempts(2), "attempts=%d", 2)
	}
	return opts
}

// drain takes all jobs that are left when the clients have ended.
func (g *queueRig) drain(l *Load) finish {
	return func(ctx context.Context) error {
		c, err := l.dial(history.Queues, history.SDK, everyNode, "default", l.rng(history.Queues, -1))
		if err != nil {
			return err
		}
		session, err := c.sdk.NewSession(ctx, conclave.WithTTL(30*time.Second))
		if err != nil {
			return fmt.Errorf("workload: nobody drains the queues: %w", err)
		}
		defer func() { _ = session.Close(ctx) }()
		for _, name := range g.names {
			for {
				left, err := drainSome(ctx, c, session.Queue(name, conclave.WithClaimFor(30*time.Second)))
				if err != nil {
					return fmt.Errorf("workload: %s is not drained: %w", name, err)
				}
				if left == 0 {
					break
				}
			}
		}
		return nil
	}
}

// drainSome takes what can be had now, and reports how much was left before.
func drainSome(ctx context.Context, c *client, w *conclave.Worker) (left int64, err error) {
	stats, err := w.Stats(ctx)
	if errors.Is(err, conclave.ErrQueueNotFound) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	if left = stats.Ready + stats.Delayed + stats.Claimed + stats.Dead + stats.Blocked; left == 0 {
		return 0, nil
	}
	if _, err := w.Kick(ctx, 1000); err != nil {
		return left, err
	}
	r := c.begin(history.Drained)
	r.Key = w.Name()
	jobs, err := w.TryClaim(ctx, 100)
	if err != nil {
		return left, err
	}
	r.Return = c.load.history.Now()
	for _, job := range jobs {
		r.Value, r.Job = string(job.Body), uint64(job.ID)
		c.load.history.Add(r)
		if err := job.Ack(ctx); err != nil {
			return left, err
		}
	}
	if len(jobs) == 0 && !nap.Take(ctx, 50*time.Millisecond) {
		return left, ctx.Err()
	}
	return left, nil
}
