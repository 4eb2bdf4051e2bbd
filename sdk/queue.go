package conclave

import (
	"context"
	"maps"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"

	conclavev1 "github.com/conclavehq/conclave/proto/gen/conclave/v1"
)

// Queue hands jobs to workers, each to one at a time. To work on jobs, use
// Session.Queue.
type Queue struct {
	client *Client
	name   string
}

// Queue names a queue; nothing is sent. A queue exists from its first job on.
func (c *Client) Queue(name string) *Queue {
	return &Queue{client: c, name: name}
}

// Name is the name of the queue.
func (q *Queue) Name() string { return q.name }

// EnqueueOption changes what becomes of a job.
type EnqueueOption interface {
	applyEnqueue(*conclavev1.EnqueueRequest)
}

type enqueueOptionFunc func(*conclavev1.EnqueueRequest)

func (f enqueueOptionFunc) applyEnqueue(req *conclavev1.EnqueueRequest) { f(req) }

// WithDelay keeps the job back for this long, by the clock of the service.
func WithDelay(d time.Duration) EnqueueOption {
	return enqueueOptionFunc(func(req *conclavev1.EnqueueRequest) { req.Delay = durationpb.New(d) })
}

// WithGroup has the jobs of a group done one after the other, in order.
func WithGroup(group string) EnqueueOption {
	return enqueueOptionFunc(func(req *conclavev1.EnqueueRequest) { req.Group = group })
}

// WithDedup adds the job only if no job with this id is unfinished; else the id
// of that job is returned.
func WithDedup(id string) EnqueueOption {
	return enqueueOptionFunc(func(req *conclavev1.EnqueueRequest) { req.DedupId = id })
}

// WithMaxAttempts puts the job aside as dead after so many failures. Default:
// 10.
func WithMaxAttempts(n int) EnqueueOption {
	return enqueueOptionFunc(func(req *conclavev1.EnqueueRequest) { req.MaxAttempts = int32(n) })
}

// WithBackoff is how long the job waits after its first failure, doubling with
// each further one up to longest. Default: 1 s up to 1 min.
func WithBackoff(first, longest time.Duration) EnqueueOption {
	return enqueueOptionFunc(func(req *conclavev1.EnqueueRequest) {
		req.Backoff = &conclavev1.Backoff{Initial: durationpb.New(first), Max: durationpb.New(longest)}
	})
}

// WithRetain lets the finished job be read for this long. Default: not at all.
func WithRetain(d time.Duration) EnqueueOption {
	return enqueueOptionFunc(func(req *conclavev1.EnqueueRequest) { req.Retain = durationpb.New(d) })
}

// WithHeaders adds what is known about the job beside its body.
func WithHeaders(headers map[string]string) EnqueueOption {
	return enqueueOptionFunc(func(req *conclavev1.EnqueueRequest) { req.Headers = maps.Clone(headers) })
}

// Enqueue adds a job. With WithDedup, the id may be that of a job that was there
// before. A body has up to 1 MiB.
func (q *Queue) Enqueue(ctx context.Context, body []byte, opts ...EnqueueOption) (JobID, error) {
	req := enqueueRequest(q.name, body, opts)
	req.Namespace = q.client.where()
	res, err := mutate(ctx, q.client, (*services).Enqueue, req, &req.RequestId)
	if err != nil {
		return 0, during(err, "enqueue in %q", q.name)
	}
	return JobID(res.GetJobId()), nil
}

func enqueueRequest(queue string, body []byte, opts []EnqueueOption) *conclavev1.EnqueueRequest {
	req := &conclavev1.EnqueueRequest{Queue: queue, Body: bytesValue(body)}
	for _, opt := range opts {
		opt.applyEnqueue(req)
	}
	return req
}

// AckOption changes how a job is finished.
type AckOption interface {
	applyAck(*conclavev1.AckJobRequest)
}

type ackOptionFunc func(*conclavev1.AckJobRequest)

func (f ackOptionFunc) applyAck(req *conclavev1.AckJobRequest) { f(req) }

// WithResult leaves a result, up to 64 KiB, which can be read as long as
// WithRetain said.
func WithResult(result []byte) AckOption {
	return ackOptionFunc(func(req *conclavev1.AckJobRequest) { req.Result = bytesValue(result) })
}

// NackOption changes how a job is given back.
type NackOption interface {
	applyNack(*conclavev1.NackJobRequest)
}

type nackOptionFunc func(*conclavev1.NackJobRequest)

func (f nackOptionFunc) applyNack(req *conclavev1.NackJobRequest) { f(req) }

// RetryIn is when the job is ready again. Default: by the job's own back-off.
func RetryIn(d time.Duration) NackOption {
	return nackOptionFunc(func(req *conclavev1.NackJobRequest) { req.Delay = durationpb.New(d) })
}

// Because is written into the job's history.
func Because(reason string) NackOption {
	return nackOptionFunc(func(req *conclavev1.NackJobRequest) { req.Reason = reason })
}

// Ack finishes a job by its receipt, for a program that has no Job for it. It
// fails with ErrStaleReceipt when the claim is over.
func (q *Queue) Ack(ctx context.Context, id JobID, receipt Token, opts ...AckOption) error {
	req := ackRequest(q.name, id, receipt, opts)
	req.Namespace = q.client.where()
	_, err := mutate(ctx, q.client, (*services).AckJob, req, &req.RequestId)
	return during(err, "ack job %d of %q", id, q.name)
}

// Nack gives a job back as failed by its receipt, for a program that has no Job
// for it. dead says that its attempts are used up.
func (q *Queue) Nack(ctx context.Context, id JobID, receipt Token, opts ...NackOption) (dead bool, err error) {
	req := nackRequest(q.name, id, receipt, opts)
	req.Namespace = q.client.where()
	res, err := mutate(ctx, q.client, (*services).NackJob, req, &req.RequestId)
	return res.GetDead(), during(err, "nack job %d of %q", id, q.name)
}

func ackRequest(queue string, id JobID, receipt Token, opts []AckOption) *conclavev1.AckJobRequest {
	req := &conclavev1.AckJobRequest{Queue: queue, JobId: uint64(id), Receipt: int64(receipt)}
	for _, opt := range opts {
		opt.applyAck(req)
	}
	return req
}

func nackRequest(queue string, id JobID, receipt Token, opts []NackOption) *conclavev1.NackJobRequest {
	req := &conclavev1.NackJobRequest{Queue: queue, JobId: uint64(id), Receipt: int64(receipt)}
	for _, opt := range opts {
		opt.applyNack(req)
	}
	return req
}
