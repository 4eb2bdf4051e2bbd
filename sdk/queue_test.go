package conclave_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/conclavehq/conclave/conclavetest"
	conclave "github.com/conclavehq/conclave/sdk"
)

func TestJobs(t *testing.T) {
	c := alone(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	q := c.Queue("jobs")
	for body, opt := range map[string]conclave.EnqueueOption{
		"low":  conclave.WithPriority(-1),
		"high": conclave.WithPriority(1),
	} {
		if _, err := q.Enqueue(ctx, []byte(body), opt, conclave.WithHeaders(map[string]string{"k": body})); err != nil {
			t.Fatal(err)
		}
	}
	var done []string
	for job, err := range open(t, c).Queue("jobs").Jobs(ctx) {
		if err != nil {
			if !errors.Is(err, context.Canceled) {
				t.Errorf("it ended with %v", err)
			}
			break
		}
		done = append(done, string(job.Body))
		if job.Headers["k"] != string(job.Body) || job.Attempt != 1 {
			t.Errorf("%+v", job)
		}
		if err := job.Ack(job.Context()); err != nil {
			t.Error(err)
		}
		if cause := context.Cause(job.Context()); !errors.Is(cause, conclave.ErrReleased) {
			t.Errorf("the job's context ended because of %v", cause)
		}
		switch len(done) {
		case 2: // the loop waits for this one
			if _, err := q.Enqueue(ctx, []byte("later"), conclave.WithHeaders(map[string]string{"k": "later"})); err != nil {
				t.Fatal(err)
			}
		case 3:
			cancel()
		}
	}
	if got := strings.Join(done, " "); got != "high low later" {
		t.Errorf("done: %s", got)
	}
	stats, err := q.Stats(t.Context())
	if err != nil || stats.Acked != 3 || stats.Ready != 0 || stats.Claimed != 0 || stats.WaitingWorkers != 0 {
		t.Errorf("%+v, %v", stats, err)
	}
}

func TestFailingJob(t *testing.T) {
	c := alone(t)
	ctx := t.Context()
	q := c.Queue("failing")
	id, err := q.Enqueue(ctx, []byte("x"), conclave.WithMaxAttempts(2), conclave.WithBackoff(0, time.Second))
	if err != nil {
		t.Fatal(err)
	}
	worker := open(t, c, conclave.WithIdentity("w")).Queue("failing")
	for attempt := 1; attempt <= 2; attempt++ {
		jobs, err := worker.Claim(ctx, 10)
		if err != nil || len(jobs) != 1 || jobs[0].Attempt != attempt {
			t.Fatalf("attempt %d: %v, %v", attempt, jobs, err)
		}
		if err := jobs[0].Nack(ctx, conclave.Because("bad input"), conclave.RetryIn(0)); err != nil {
			t.Fatal(err)
		}
		if err := jobs[0].Ack(ctx); !errors.Is(err, conclave.ErrReleased) {
			t.Errorf("acking what is given back: %v", err)
		}
	}
	if jobs, err := worker.TryClaim(ctx, 10); err != nil || len(jobs) != 0 {
		t.Errorf("%v, %v", jobs, err)
	}
	info, err := q.Get(ctx, id)
	if err != nil || info.State != conclave.JobDead || len(info.History) != 2 || info.History[0].Reason != "bad input" {
		t.Errorf("%+v, %v", info, err)
	}
	dead := 0
	for job, err := range q.Peek(ctx, conclave.JobDead) {
		if err != nil || job.ID != id {
			t.Errorf("%+v, %v", job, err)
		}
		dead++
	}
	kicked, err := q.Kick(ctx, 10)
	if err != nil || kicked != 1 || dead != 1 {
		t.Errorf("%d are dead, %d were kicked; %v", dead, kicked, err)
	}
}

// A claim outlives its time as long as the worker lives.
func TestClaimsExtendThemselves(t *testing.T) {
	c := alone(t)
	ctx := t.Context()
	for range 3 {
		if _, err := c.Queue("extend").Enqueue(ctx, nil); err != nil {
			t.Fatal(err)
		}
	}
	worker := open(t, c).Queue("extend", conclave.WithClaimFor(6*time.Second))
	jobs, err := worker.Claim(ctx, 3)
	if err != nil || len(jobs) != 3 {
		t.Fatalf("%v, %v", jobs, err)
	}
	extended(t, func() time.Duration { // all of them
		least := time.Hour
		for _, job := range jobs {
			info, err := c.Queue("extend").Get(ctx, job.ID)
			if err != nil || info.State != conclave.JobClaimed || info.Receipt != job.Receipt {
				t.Fatalf("%+v, %v", info, err)
			}
			least = min(least, info.DueIn)
		}
		return least
	})
	if err := jobs[0].Progress(ctx, "half way"); err != nil {
		t.Error(err)
	}
	info, err := c.Queue("extend").Get(ctx, jobs[0].ID)
	if err != nil || info.Note != "half way" || info.Receipt != jobs[0].Receipt {
		t.Errorf("%+v, %v", info, err)
	}
	for _, job := range jobs {
		if err := job.Ack(ctx); err != nil {
			t.Errorf("job %d: %v", job.ID, err)
		}
	}
}

func TestCanceledJob(t *testing.T) {
	c := alone(t)
	ctx := t.Context()
	s := open(t, c)
	hears(t, c, s)
	id, err := c.Queue("cancel").Enqueue(ctx, nil)
	if err != nil {
		t.Fatal(err)
	}
	jobs, err := s.Queue("cancel").Claim(ctx, 1)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Queue("cancel").Cancel(ctx, id, "not needed"); err != nil {
		t.Fatal(err)
	}
	if cause := ended(t, jobs[0].Context()); !errors.Is(cause, conclave.ErrBroken) || !strings.Contains(cause.Error(), "not needed") {
		t.Errorf("it ended because of %v", cause)
	}
	if err := jobs[0].Ack(ctx); !errors.Is(err, conclave.ErrLost) {
		t.Errorf("%v", err)
	}
}

func TestLostWorkersJobsAreReadyAtOnce(t *testing.T) {
	srv := conclavetest.Start(t)
	c := srv.Client(t)
	ctx := t.Context()
	if _, err := c.Queue("q").Enqueue(ctx, []byte("x")); err != nil {
		t.Fatal(err)
	}
	lost := open(t, c, conclave.WithTTL(10*time.Second))
	jobs, err := lost.Queue("q", conclave.WithClaimFor(time.Hour)).Claim(ctx, 1)
	if err != nil {
		t.Fatal(err)
	}
	worker := open(t, c, conclave.WithTTL(time.Hour)).Queue("q")
	srv.Advance(11 * time.Second)

	again, err := worker.Claim(ctx, 1)
	if err != nil || len(again) != 1 || again[0].Attempt != 2 || again[0].Receipt <= jobs[0].Receipt {
		t.Fatalf("%+v, %v", again, err)
	}
	if cause := ended(t, jobs[0].Context()); !errors.Is(cause, conclave.ErrLost) {
		t.Errorf("it ended because of %v", cause)
	}
	// Its effect is refused together with its ack.
	_, err = c.Txn().If(jobs[0].Guard()).Then(conclave.OpPut("k", "late"), jobs[0].OpAck()).Commit(ctx)
	if !errors.Is(err, conclave.ErrGuardFailed) {
		t.Errorf("%v", err)
	}
}

func TestAckInATransaction(t *testing.T) {
	c := alone(t)
	ctx := t.Context()
	if _, err := c.Queue("outbox").Enqueue(ctx, []byte("x")); err != nil {
		t.Fatal(err)
	}
	jobs, err := open(t, c).Queue("outbox").Claim(ctx, 1)
	if err != nil {
		t.Fatal(err)
	}
	res, err := c.Txn().Then(
		conclave.OpPut("outbox/result", "done"),
		conclave.OpEnqueue("inbox", []byte("next")),
		jobs[0].OpAck(),
	).Commit(ctx)
	if err != nil || len(res.Results) != 3 || res.Results[1].Job == 0 {
		t.Fatalf("%+v, %v", res, err)
	}
	if cause := context.Cause(jobs[0].Context()); !errors.Is(cause, conclave.ErrReleased) {
		t.Errorf("it ended because of %v", cause)
	}
	if _, err := c.Queue("outbox").Get(ctx, jobs[0].ID); !errors.Is(err, conclave.ErrJobNotFound) {
		t.Errorf("%v", err)
	}
}

func TestClaimBounds(t *testing.T) {
	c := alone(t)
	worker := open(t, c).Queue("empty")
	if _, err := worker.Claim(t.Context(), 1, conclave.WithWait(30*time.Millisecond)); !errors.Is(err, conclave.ErrWaitTimeout) {
		t.Errorf("bounded by WithWait: %v", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Millisecond)
	defer cancel()
	if _, err := worker.Claim(ctx, 1); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("bounded by its context: %v", err)
	}
	id, err := c.Queue("empty").Enqueue(t.Context(), nil, conclave.WithDedup("once"))
	if err != nil {
		t.Fatal(err)
	}
	again, err := c.Queue("empty").Enqueue(t.Context(), nil, conclave.WithDedup("once"))
	if err != nil || again != id {
		t.Errorf("job %d, then %d; %v", id, again, err)
	}
	if jobs, err := worker.Claim(t.Context(), 5); err != nil || len(jobs) != 1 {
		t.Errorf("%v, %v: the abandoned claim took it", jobs, err)
	}
}
