package recipes_test

import (
	"testing"

	"github.com/conclavehq/conclave/internal/keys"
	logv1 "github.com/conclavehq/conclave/proto/gen/conclave/log/v1"
	storagev1 "github.com/conclavehq/conclave/proto/gen/conclave/storage/v1"
	"github.com/conclavehq/conclave/recipes"
	"github.com/conclavehq/conclave/recipes/model"
)

// crowded is a state in which the counters of queue "q" are what rec says.
func crowded(t *testing.T, rec *storagev1.QueueRecord) *model.State {
	t.Helper()
	state := model.New()
	value, err := rec.MarshalVT()
	if err != nil {
		t.Fatal(err)
	}
	state.Begin(1, 0, 0).Set(keys.Name(keys.Prefix(1, keys.Queue), "q"), value)
	run(t, state, recipes.GrantLease, &logv1.GrantLease{LeaseId: 1, TtlMs: 10_000}, 0)
	return state
}

// run applies a rule and wants it to be refused with a reason, or not at all.
func run[C, R any](t *testing.T, state *model.State, rule func(recipes.Tx, C) (R, *logv1.Refusal), cmd C, want logv1.Reason) R {
	t.Helper()
	tx := state.Begin(1, 0, 0)
	result, refusal := rule(tx, cmd)
	if refusal != nil {
		tx.Rollback(0)
	}
	if refusal.GetReason() != want {
		t.Fatalf("%v: refused with %v, want %v", cmd, refusal, want)
	}
	return result
}

func TestQueueLimits(t *testing.T) {
	t.Run("jobs", func(t *testing.T) {
		for _, rec := range []*storagev1.QueueRecord{
			{LastJobId: 77, Ready: 9_999_999},
			{LastJobId: 77, Ready: 5_000_000, Delayed: 1, Claimed: 1, Dead: 1, Done: 4_999_995, Blocked: 1},
		} {
			state := crowded(t, rec)
			run(t, state, recipes.Enqueue, &logv1.Enqueue{Queue: "q", DedupId: "x"}, 0)
			run(t, state, recipes.Enqueue, &logv1.Enqueue{Queue: "q"}, logv1.Reason_REASON_QUEUE_FULL)
			// A duplicate adds nothing, so it does not matter that the queue is full.
			if again := run(t, state, recipes.Enqueue, &logv1.Enqueue{Queue: "q", DedupId: "x"}, 0); !again.GetDuplicate() || again.GetJobId() != 78 {
				t.Errorf("duplicate in a full queue: %v", again)
			}
			run(t, state, recipes.Enqueue, &logv1.Enqueue{Queue: "other"}, 0)
		}
	})
	t.Run("waiting workers", func(t *testing.T) {
		state := crowded(t, &storagev1.QueueRecord{Waiting: 100_000})
		wait := &logv1.ClaimJobs{Queue: "q", LeaseId: 1, WaitMs: -1}
		run(t, state, recipes.ClaimJobs, wait, logv1.Reason_REASON_TOO_MANY)
		run(t, state, recipes.ClaimJobs, &logv1.ClaimJobs{Queue: "q", LeaseId: 1}, 0)
	})
	t.Run("bytes", func(t *testing.T) {
		state := crowded(t, &storagev1.QueueRecord{})
		for _, size := range []int{9 << 20, 3 << 20, 3 << 20, 3 << 20, 1} {
			run(t, state, recipes.Enqueue, &logv1.Enqueue{Queue: "q", Body: make([]byte, size)}, 0)
		}
		peeked, _ := recipes.PeekJobs(state.Reader(1), &logv1.PeekJobs{Queue: "q"})
		if len(peeked.GetJobs()) != 1 || !peeked.GetMore() {
			t.Errorf("a page has %d jobs, more %v", len(peeked.GetJobs()), peeked.GetMore())
		}
		// The large one alone, then two that fit, then the rest.
		for _, want := range []int{1, 2, 2, 0} {
			got := run(t, state, recipes.ClaimJobs, &logv1.ClaimJobs{Queue: "q", LeaseId: 1, Max: 10}, 0)
			if len(got.GetJobs()) != want {
				t.Errorf("claimed %d jobs, want %d", len(got.GetJobs()), want)
			}
		}
	})
}

// Promise Q6: of many attempts the last ones are kept.
func TestJobHistoryIsBounded(t *testing.T) {
	state := crowded(t, &storagev1.QueueRecord{})
	id := run(t, state, recipes.Enqueue, &logv1.Enqueue{Queue: "q", MaxAttempts: 100, BackoffMs: -1}, 0).GetJobId()
	for range 40 {
		job := run(t, state, recipes.ClaimJobs, &logv1.ClaimJobs{Queue: "q", LeaseId: 1}, 0).GetJobs()[0]
		run(t, state, recipes.NackJob, &logv1.NackJob{Queue: "q", JobId: id, Receipt: job.GetReceipt(), DelayMs: -1}, 0)
	}
	answer, _ := recipes.GetJob(state.Reader(1), &logv1.GetJob{Queue: "q", JobId: id})
	history := answer.GetJob().GetHistory()
	if len(history) != 16 || history[0].GetAttempt() != 25 || history[15].GetAttempt() != 40 {
		t.Errorf("history is %v", history)
	}
}
