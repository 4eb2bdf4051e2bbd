package recipes_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/testing/protocmp"

	"github.com/conclavehq/conclave/internal/keys"
	logv1 "github.com/conclavehq/conclave/proto/gen/conclave/log/v1"
	"github.com/conclavehq/conclave/recipes"
	"github.com/conclavehq/conclave/recipes/model"
)

// queueWorld runs the same operations on the rules and on the simulation.
type queueWorld struct {
	t       *testing.T
	rng     *rand.Rand
	state   *model.State
	sim     *simQueue
	leases  []int64
	granted []*logv1.TicketEvent
	// lastReceipt of each job, to see that it only grows.
	lastReceipt map[uint64]int64
}

const worldQueue = "work"

// Promises Q1 to Q8, Q10, Q12: whatever happens in whatever order, the rules
// agree with a list that is searched for everything.
func TestQueueAgreesWithObviousModel(t *testing.T) {
	for seed := range uint64(12) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			w := &queueWorld{
				t:           t,
				rng:         rand.New(rand.NewPCG(seed, 7)),
				state:       model.New(),
				sim:         &simQueue{revision: 1, heads: map[string]uint64{}},
				lastReceipt: map[uint64]int64{},
			}
			for id := range int64(4) {
				w.newLease(id + 1)
			}
			for step := range 600 {
				if what := w.step(); what != "" {
					w.compare(fmt.Sprintf("step %d: %s", step, what))
				}
				if t.Failed() {
					return
				}
			}
			w.drain()
		})
	}
}

func (w *queueWorld) apply(cmd *logv1.Command) *logv1.Result {
	cmd.NamespaceId = 1
	result, events := w.state.Apply(cmd, recipes.Clock(w.sim.clock), 0)
	for _, event := range events {
		if ticket := event.GetTicket(); ticket.GetOutcome() == logv1.TicketOutcome_TICKET_OUTCOME_GRANTED {
			w.granted = append(w.granted, ticket)
		}
	}
	return result
}

func (w *queueWorld) must(cmd *logv1.Command) *logv1.Result {
	w.t.Helper()
	result := w.apply(cmd)
	if result.GetRefusal() != nil {
		w.t.Fatalf("%v was refused: %v", cmd, result.GetRefusal())
	}
	return result
}

func (w *queueWorld) newLease(id int64) {
	w.leases = append(w.leases, id)
	w.must(&logv1.Command{Body: &logv1.Command_GrantLease{GrantLease: &logv1.GrantLease{LeaseId: id, TtlMs: 1 << 40}}})
}

// pick is a random job in one of the states, nil if there is none.
func (w *queueWorld) pick(states ...logv1.JobState) *simJob {
	var jobs []*simJob
	for _, state := range states {
		jobs = append(jobs, w.sim.in(state)...)
	}
	if len(jobs) == 0 {
		return nil
	}
	return jobs[w.rng.IntN(len(jobs))]
}

// step does one random thing and says what; "" if it could not be done.
func (w *queueWorld) step() string {
	switch n := w.rng.IntN(100); {
	case n < 30:
		return w.enqueue()
	case n < 50:
		return w.claim()
	case n < 62:
		return w.ack()
	case n < 70:
		return w.nack()
	case n < 73:
		return w.bury()
	case n < 76:
		return w.cancel()
	case n < 80:
		return w.kick()
	case n < 83:
		return w.loseSession()
	case n < 86:
		return w.cancelClaim()
	case n < 90:
		return w.extend()
	default:
		return w.pass([]int64{1, 50, 400, 1000, 5000}[w.rng.IntN(5)])
	}
}

func (w *queueWorld) enqueue() string {
	j := &simJob{
		priority:    int32(w.rng.IntN(3) - 1),
		group:       []string{"", "", "a", "b"}[w.rng.IntN(4)],
		dedup:       []string{"", "", "", "x", "y"}[w.rng.IntN(5)],
		maxAttempts: int32(1 + w.rng.IntN(3)),
		backoff:     int64(1 + w.rng.IntN(500)),
		retain:      []int64{0, 700}[w.rng.IntN(2)],
	}
	delay := []int64{0, 0, 300}[w.rng.IntN(3)]
	got := w.must(&logv1.Command{Body: &logv1.Command_Enqueue{Enqueue: &logv1.Enqueue{
		Queue: worldQueue, Priority: j.priority, Group: j.group, DedupId: j.dedup, DelayMs: delay,
		MaxAttempts: j.maxAttempts, BackoffMs: j.backoff, RetainMs: j.retain,
	}}}).GetEnqueue()
	id, duplicate := w.sim.enqueue(j, delay)
	if got.GetJobId() != id || got.GetDuplicate() != duplicate {
		w.t.Errorf("enqueue gave job %d (duplicate %v), want %d (%v)", got.GetJobId(), got.GetDuplicate(), id, duplicate)
	}
	return fmt.Sprintf("enqueue %+v delay %d", *j, delay)
}

func (w *queueWorld) claim() string {
	lease, most := w.leases[w.rng.IntN(len(w.leases))], 1+w.rng.IntN(3)
	wait := []int64{0, 600, -1}[w.rng.IntN(3)]
	got := w.must(&logv1.Command{Body: &logv1.Command_ClaimJobs{ClaimJobs: &logv1.ClaimJobs{
		Queue: worldQueue, LeaseId: lease, Max: int32(most), ClaimMs: simClaimMS, WaitMs: wait,
	}}}).GetClaimJobs()
	jobs, ticket := w.sim.claim(lease, most, wait)
	var gotIDs, wantIDs []uint64
	for _, j := range got.GetJobs() {
		gotIDs = append(gotIDs, j.GetJobId())
	}
	for _, j := range jobs {
		wantIDs = append(wantIDs, j.id)
	}
	if !slices.Equal(gotIDs, wantIDs) || got.GetTicket() != ticket {
		w.t.Errorf("claim gave jobs %v ticket %d, want %v and %d", gotIDs, got.GetTicket(), wantIDs, ticket)
	}
	return fmt.Sprintf("claim %d for session %d, wait %d", most, lease, wait)
}

func (w *queueWorld) ack() string {
	j := w.pick(claimed)
	if j == nil {
		return ""
	}
	w.must(&logv1.Command{Body: &logv1.Command_AckJob{AckJob: &logv1.AckJob{Queue: worldQueue, JobId: j.id, Receipt: j.receipt}}})
	stale := w.apply(&logv1.Command{Body: &logv1.Command_AckJob{AckJob: &logv1.AckJob{Queue: worldQueue, JobId: j.id, Receipt: j.receipt}}})
	if stale.GetRefusal() == nil {
		w.t.Errorf("job %d was acknowledged twice with receipt %d", j.id, j.receipt)
	}
	w.sim.ack(j)
	return fmt.Sprint("ack ", j.id)
}

func (w *queueWorld) nack() string {
	j := w.pick(claimed)
	if j == nil {
		return ""
	}
	delay := []int64{-1, 0, 250}[w.rng.IntN(3)]
	got := w.must(&logv1.Command{Body: &logv1.Command_NackJob{NackJob: &logv1.NackJob{Queue: worldQueue, JobId: j.id, Receipt: j.receipt, DelayMs: delay}}})
	w.sim.nack(j, delay)
	if got.GetNackJob().GetDead() != (j.state == dead) {
		w.t.Errorf("nack of job %d says dead %v", j.id, got.GetNackJob().GetDead())
	}
	return fmt.Sprintf("nack %d delay %d", j.id, delay)
}

func (w *queueWorld) bury() string {
	j := w.pick(claimed, ready, delayed, blocked)
	if j == nil {
		return ""
	}
	w.must(&logv1.Command{Body: &logv1.Command_BuryJob{BuryJob: &logv1.BuryJob{Queue: worldQueue, JobId: j.id}}})
	w.sim.bury(j)
	return fmt.Sprint("bury ", j.id)
}

func (w *queueWorld) cancel() string {
	j := w.pick(claimed, ready, delayed, blocked, dead, done)
	if j == nil {
		return ""
	}
	w.must(&logv1.Command{Body: &logv1.Command_CancelJob{CancelJob: &logv1.CancelJob{Queue: worldQueue, JobId: j.id}}})
	w.sim.cancel(j)
	return fmt.Sprint("cancel ", j.id)
}

func (w *queueWorld) kick() string {
	if j := w.pick(dead, delayed); j != nil && w.rng.IntN(2) == 0 {
		w.must(&logv1.Command{Body: &logv1.Command_KickJobs{KickJobs: &logv1.KickJobs{Queue: worldQueue, JobId: j.id}}})
		w.sim.kick([]*simJob{j})
		return fmt.Sprint("kick ", j.id)
	}
	jobs := w.sim.in(dead)
	if len(jobs) == 0 {
		jobs = w.sim.in(delayed)
	}
	jobs = jobs[:min(2, len(jobs))]
	if len(w.sim.jobs) == 0 {
		return ""
	}
	w.must(&logv1.Command{Body: &logv1.Command_KickJobs{KickJobs: &logv1.KickJobs{Queue: worldQueue, Limit: 2}}})
	w.sim.kick(jobs)
	return "kick two"
}

func (w *queueWorld) loseSession() string {
	i := w.rng.IntN(len(w.leases))
	lease := w.leases[i]
	w.leases = slices.Delete(w.leases, i, i+1)
	w.must(&logv1.Command{Body: &logv1.Command_RevokeLease{RevokeLease: &logv1.RevokeLease{LeaseId: lease}}})
	w.sim.lose(lease)
	w.newLease(lease + 4)
	return fmt.Sprint("lose session ", lease)
}

func (w *queueWorld) cancelClaim() string {
	var got *logv1.CancelClaimResult
	cancel := func(ticket int64) {
		got = w.must(&logv1.Command{Body: &logv1.Command_CancelClaim{CancelClaim: &logv1.CancelClaim{Queue: worldQueue, Ticket: ticket}}}).GetCancelClaim()
	}
	if n := len(w.sim.waiters); n > 0 {
		i := w.rng.IntN(n)
		cancel(w.sim.waiters[i].ticket)
		w.sim.waiters = slices.Delete(w.sim.waiters, i, i+1)
		return "cancel a wait"
	}
	for _, ticket := range slices.Backward(w.granted) {
		j := w.sim.jobs[ticket.GetJobs()[0].GetJobId()-1]
		if j.state != claimed || j.receipt != ticket.GetToken() {
			continue
		}
		cancel(ticket.GetTicket())
		if want := w.sim.giveBack(ticket.GetToken(), j.lease); int(got.GetReturned()) != want {
			w.t.Errorf("cancel of a grant returned %d jobs, want %d", got.GetReturned(), want)
		}
		return "cancel a grant"
	}
	return ""
}

func (w *queueWorld) extend() string {
	j := w.pick(claimed)
	if j == nil {
		return ""
	}
	w.must(&logv1.Command{Body: &logv1.Command_ExtendClaim{ExtendClaim: &logv1.ExtendClaim{Queue: worldQueue, JobId: j.id, Receipt: j.receipt}}})
	j.due = w.sim.clock + simClaimMS
	return fmt.Sprint("extend ", j.id)
}

func (w *queueWorld) pass(ms int64) string {
	w.sim.pass(ms)
	w.must(&logv1.Command{Body: &logv1.Command_ExpireTimers{ExpireTimers: &logv1.ExpireTimers{}}})
	return fmt.Sprintf("%d ms pass", ms)
}

func (w *queueWorld) ask(q *logv1.Query) *logv1.Answer {
	q.NamespaceId = 1
	return w.state.Ask(q)
}

// compare wants the queue to be in every detail what the simulation says.
func (w *queueWorld) compare(after string) {
	w.t.Helper()
	if len(w.sim.jobs) == 0 {
		return
	}
	stats := w.ask(&logv1.Query{Body: &logv1.Query_GetQueue{GetQueue: &logv1.GetQueue{Queue: worldQueue}}}).GetGetQueue().GetStats()
	want := &logv1.QueueStats{
		Queue: worldQueue,
		Ready: int64(len(w.sim.in(ready))), Delayed: int64(len(w.sim.in(delayed))), Claimed: int64(len(w.sim.in(claimed))),
		Dead: int64(len(w.sim.in(dead))), Done: int64(len(w.sim.in(done))), Blocked: int64(len(w.sim.in(blocked))),
		WaitingWorkers: int64(len(w.sim.waiters)), EnqueuedTotal: int64(len(w.sim.jobs)),
		AckedTotal: w.sim.acked, NackedTotal: w.sim.nacked, ExpiredTotal: w.sim.expired,
	}
	if diff := cmp.Diff(want, stats, protocmp.Transform(), protocmp.IgnoreFields(stats, "oldest_ready_ms")); diff != "" {
		w.t.Errorf("after %s: counts differ (-want +got):\n%s", after, diff)
	}
	for _, j := range w.sim.jobs {
		w.compareJob(after, j)
	}
	for _, state := range []logv1.JobState{ready, delayed, claimed, dead, done, blocked} {
		var wantIDs []uint64
		for _, j := range w.sim.in(state) {
			wantIDs = append(wantIDs, j.id)
		}
		if state == ready {
			wantIDs = nil
			for _, j := range w.sim.line() {
				wantIDs = append(wantIDs, j.id)
			}
		}
		if got := w.peek(state); !slices.Equal(got, wantIDs) {
			w.t.Errorf("after %s: %v jobs are %v, want %v", after, state, got, wantIDs)
		}
	}
	if answer := w.ask(&logv1.Query{Body: &logv1.Query_GetTicket{GetTicket: &logv1.GetTicket{}}}); answer.GetRevision() != w.sim.revision {
		w.t.Errorf("after %s: revision %d, want %d", after, answer.GetRevision(), w.sim.revision)
	}
}

func (w *queueWorld) compareJob(after string, j *simJob) {
	w.t.Helper()
	answer := w.ask(&logv1.Query{Body: &logv1.Query_GetJob{GetJob: &logv1.GetJob{Queue: worldQueue, JobId: j.id}}})
	got := answer.GetGetJob().GetJob()
	if j.state == gone {
		if answer.GetRefusal().GetReason() != logv1.Reason_REASON_JOB_NOT_FOUND {
			w.t.Errorf("after %s: job %d is still there: %v", after, j.id, got)
		}
		return
	}
	if got.GetState() != j.state || got.GetAttempt() != j.attempt || got.GetReceipt() != j.receipt || len(got.GetHistory()) != min(j.ended, 16) {
		w.t.Errorf("after %s: job %d is %v, want %+v", after, j.id, got, *j)
	}
	if j.state == claimed && j.receipt < w.lastReceipt[j.id] {
		w.t.Errorf("after %s: job %d has receipt %d after %d", after, j.id, j.receipt, w.lastReceipt[j.id])
	}
	w.lastReceipt[j.id] = max(w.lastReceipt[j.id], j.receipt)
}

// peek lists the jobs in a state page by page.
func (w *queueWorld) peek(state logv1.JobState) []uint64 {
	var ids []uint64
	query := &logv1.PeekJobs{Queue: worldQueue, State: state, Limit: 3}
	for {
		page := w.ask(&logv1.Query{Body: &logv1.Query_PeekJobs{PeekJobs: query}}).GetPeekJobs()
		for _, j := range page.GetJobs() {
			ids = append(ids, j.GetJobId())
			query.AfterJobId = j.GetJobId()
		}
		if !page.GetMore() {
			return ids
		}
	}
}

// drain works off what is left. Then the queue has no records but its own: each
// job has been finished, or was canceled, and nothing of it stays.
func (w *queueWorld) drain() {
	for w.sim.in(done) != nil || w.pick(ready, delayed, claimed, dead, blocked) != nil {
		if j := w.pick(ready, delayed, claimed, dead, blocked); j != nil {
			w.must(&logv1.Command{Body: &logv1.Command_CancelJob{CancelJob: &logv1.CancelJob{Queue: worldQueue, JobId: j.id}}})
			w.sim.cancel(j)
		} else {
			w.pass(1000)
		}
	}
	for _, lease := range w.leases {
		w.must(&logv1.Command{Body: &logv1.Command_RevokeLease{RevokeLease: &logv1.RevokeLease{LeaseId: lease}}})
		w.sim.lose(lease)
	}
	w.pass(120_000) // the outcomes of waits are forgotten too
	w.compare("the end")
	for table := range 256 {
		records := w.state.Records(1, keys.Table(table))
		if len(records) > 0 && keys.Table(table) != keys.Queue {
			w.t.Errorf("at the end table %#x has %d records, the first at %x", table, len(records), records[0].Key)
		}
	}
}
