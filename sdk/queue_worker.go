package conclave

import (
	"context"
	"iter"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"

	conclavev1 "github.com/conclavehq/conclave/proto/gen/conclave/v1"
)

const (
	claimForDefault = 30 * time.Second
	// A claim counts from its grant, of which the SDK knows only that it came
	// after the request was sent. So requests that wait are kept short.
	claimWait = 5 * time.Second
)

// Worker is a queue that this session takes jobs from.
type Worker struct {
	Queue
	session *Session
	cfg     claimConfig
}

type claimConfig struct {
	purpose  string
	claimFor time.Duration
	wait     time.Duration
}

// ClaimOption changes how jobs are claimed.
type ClaimOption interface {
	applyClaim(*claimConfig)
}

type claimOptionFunc func(*claimConfig)

func (f claimOptionFunc) applyClaim(cfg *claimConfig) { f(cfg) }

// WithClaimFor is how long a claim lasts unless it is extended. The SDK extends
// claims by itself, so this is how soon a job of a stuck process is handed on
// whose session still lives. Default: 30 s; at least 100 ms.
func WithClaimFor(d time.Duration) ClaimOption {
	return claimOptionFunc(func(cfg *claimConfig) { cfg.claimFor = d })
}

// Queue names a queue that this session takes jobs from; nothing is sent.
func (s *Session) Queue(name string, opts ...ClaimOption) *Worker {
	w := &Worker{
		Queue:   Queue{client: s.client, name: name},
		session: s,
		cfg:     claimConfig{claimFor: claimForDefault},
	}
	for _, opt := range opts {
		opt.applyClaim(&w.cfg)
	}
	return w
}

// Claim takes up to n jobs and waits for the first one. Each job stays claimed
// until it is acked, nacked or buried, or the session ends: then it is ready
// again at once. Claim ends with the error of ctx, or with ErrWaitTimeout when
// WithWait bounds it.
func (w *Worker) Claim(ctx context.Context, n int, opts ...ClaimOption) ([]*Job, error) {
	cfg := w.with(opts)
	jobs, err := w.claim(ctx, n, cfg)
	return jobs, during(err, "claim jobs of %q", w.name)
}

// TryClaim takes up to n jobs that are ready now, maybe none.
func (w *Worker) TryClaim(ctx context.Context, n int, opts ...ClaimOption) ([]*Job, error) {
	jobs, err := w.ask(ctx, n, 0, w.with(opts))
	return jobs, during(err, "claim jobs of %q", w.name)
}

// Jobs takes one job after the other, waiting for each, until the loop is left
// or ctx ends. The loop may hand a job to another goroutine: it stays claimed,
// and extends itself, until it is acked, nacked or buried, or the session ends.
// That holds for a job that the loop forgets, too.
func (w *Worker) Jobs(ctx context.Context, opts ...ClaimOption) iter.Seq2[*Job, error] {
	cfg := w.with(opts)
	return func(yield func(*Job, error) bool) {
		for {
			jobs, err := w.claim(ctx, 1, cfg)
			if err != nil {
				yield(nil, during(err, "claim a job of %q", w.name))
				return
			}
			for _, job := range jobs {
				if !yield(job, nil) {
					return
				}
			}
		}
	}
}

func (w *Worker) with(opts []ClaimOption) claimConfig {
	cfg := w.cfg
	for _, opt := range opts {
		opt.applyClaim(&cfg)
	}
	return cfg
}

// claim asks until there is a job.
func (w *Worker) claim(ctx context.Context, n int, cfg claimConfig) ([]*Job, error) {
	began := time.Now()
	for {
		wait := min(max(cfg.claimFor/3, claimWait), reattach)
		if cfg.wait > 0 {
			wait = min(wait, cfg.wait-time.Since(began))
			if wait <= 0 {
				return nil, &Error{Reason: reasonWaitTimeout, Message: "no job became ready"}
			}
		}
		jobs, err := w.ask(ctx, n, wait, cfg)
		// The bound of this request is none of the caller's, and a cancel may
		// be meant for another claim of this session.
		if isReason(err, reasonWaitTimeout, reasonWaitCanceled) {
			err = nil
		}
		if err != nil || len(jobs) > 0 {
			return jobs, err
		}
	}
}

// ask sends one request and waits for its answer.
func (w *Worker) ask(ctx context.Context, n int, wait time.Duration, cfg claimConfig) ([]*Job, error) {
	s := w.session
	req := &conclavev1.ClaimJobsRequest{
		Namespace: s.client.where(),
		Queue:     w.name,
		LeaseId:   int64(s.id),
		Max:       int32(n),
		ClaimFor:  durationpb.New(cfg.claimFor),
		Wait:      optional(wait),
		Card:      s.describe(cfg.purpose),
	}
	claim := standing[conclavev1.ClaimJobsRequest, conclavev1.ClaimJobsResponse]{
		session: s,
		key:     settleKey{conclavev1.Lost_KIND_CLAIM, w.name},
		method:  (*services).ClaimJobs,
		req:     req,
		slot:    &req.RequestId,
		giveBack: func(ctx context.Context, res *conclavev1.ClaimJobsResponse) {
			for _, job := range res.GetJobs() {
				// What fails here is ready again when the claim ends.
				_, _ = w.Nack(ctx, JobID(job.GetJobId()), Token(job.GetReceipt()),
					RetryIn(0), Because("nobody waited for it any more"))
			}
		},
	}
	if wait > 0 {
		claim.withdraw = w.cancelClaim
	}
	sent := now()
	res, err := claim.do(ctx)
	if err != nil {
		return nil, err
	}
	jobs := make([]*Job, 0, len(res.GetJobs()))
	for _, claimed := range res.GetJobs() {
		job := newJob(w, claimed, sent, cfg.claimFor)
		if sent.age() > cfg.claimFor/3 && !s.claims.extendNow(job) {
			continue // lost before it could be shown
		}
		jobs = append(jobs, job)
	}
	return jobs, nil
}

func (w *Worker) cancelClaim(ctx context.Context) error {
	s := w.session
	req := &conclavev1.CancelClaimRequest{
		Namespace: s.client.where(),
		Queue:     w.name,
		LeaseId:   int64(s.id),
	}
	_, err := mutate(ctx, s.client, (*services).CancelClaim, req, &req.RequestId)
	return err
}
