package recipes_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/tidwall/btree"

	logv1 "github.com/conclavehq/conclave/proto/gen/conclave/log/v1"
	"github.com/conclavehq/conclave/recipes"
	"github.com/conclavehq/conclave/recipes/model"
)

// meter keeps the records in a tree, which stands a hundred thousand jobs, and
// counts what rules do with them.
type meter struct {
	*model.Tx
	state *meterState
}

type meterState struct {
	records btree.Map[string, []byte]
	model   *model.State
	cost    cost
}

// cost is what one command did.
type cost struct{ Gets, Visits, Sets, Deletes int }

func (m meter) Get(key []byte) []byte {
	m.state.cost.Gets++
	value, _ := m.state.records.Get(string(key))
	return value
}

func (m meter) Scan(from, to []byte, visit func(key, value []byte) bool) {
	m.state.records.Ascend(string(from), func(key string, value []byte) bool {
		if to != nil && key >= string(to) {
			return false
		}
		m.state.cost.Visits++
		return visit([]byte(key), value)
	})
}

func (m meter) Set(key, value []byte) {
	m.state.cost.Sets++
	m.state.records.Set(string(key), value)
}

func (m meter) Delete(key []byte) {
	m.state.cost.Deletes++
	m.state.records.Delete(string(key))
}

// measure runs one command of the rules.
func measure[C, R any](t *testing.T, s *meterState, rule func(recipes.Tx, C) (R, *logv1.Refusal), cmd C) (R, cost) {
	t.Helper()
	s.cost = cost{}
	result, refusal := rule(meter{s.model.Begin(1, 0, 0), s}, cmd)
	if refusal != nil {
		t.Fatal(refusal)
	}
	return result, s.cost
}

// claimCosts enqueues jobs, works off some of them, and measures a claim and an
// acknowledgement.
func claimCosts(t *testing.T, jobs, workedOff int) (claim, ack cost) {
	s := &meterState{model: model.New()}
	measure(t, s, recipes.GrantLease, &logv1.GrantLease{LeaseId: 1, TtlMs: 10_000})
	for i := range jobs + workedOff {
		measure(t, s, recipes.Enqueue, &logv1.Enqueue{Queue: "q", Body: []byte("job"), Priority: int32(i % 3)})
	}
	claimFive := &logv1.ClaimJobs{Queue: "q", LeaseId: 1, Max: 5}
	ackJob := func(job *logv1.ClaimedJob) cost {
		_, spent := measure(t, s, recipes.AckJob, &logv1.AckJob{Queue: "q", JobId: job.GetJobId(), Receipt: job.GetReceipt()})
		return spent
	}
	for range workedOff / 5 {
		result, _ := measure(t, s, recipes.ClaimJobs, claimFive)
		for _, job := range result.GetJobs() {
			ackJob(job)
		}
	}
	result, claim := measure(t, s, recipes.ClaimJobs, claimFive)
	if len(result.GetJobs()) != 5 {
		t.Fatalf("claimed %d jobs of %d", len(result.GetJobs()), jobs)
	}
	return claim, ackJob(result.GetJobs()[0])
}

// Promise Q9
func TestClaimCostsTheSameAtAnyDepth(t *testing.T) {
	claimTen, ackTen := claimCosts(t, 10, 0)
	claimMany, ackMany := claimCosts(t, 100_000, 1000)
	if diff := cmp.Diff(claimTen, claimMany); diff != "" {
		t.Errorf("a claim costs more in a long queue (-10 jobs +100,000 jobs):\n%s", diff)
	}
	if diff := cmp.Diff(ackTen, ackMany); diff != "" {
		t.Errorf("an acknowledgement costs more in a long queue (-10 jobs +100,000 jobs):\n%s", diff)
	}
	if claimTen.Visits > 5 {
		t.Errorf("a claim of 5 jobs looks at %d index entries", claimTen.Visits)
	}
}
