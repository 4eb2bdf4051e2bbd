package workload

import (
	"context"
	"strconv"
	"strings"
	"sync"
	"time"
)

const (
	queueProducers, queueWorkers = 64, 64
	// queueBacklog bounds how many jobs wait, so that a slow side slows the other
	// down instead of filling the queue.
	queueBacklog = 4 * queueProducers
	queueName    = "jobs"
)

// queues: jobs that are enqueued, handed out and finished.
func queues() []Workload {
	return []Workload{{
		Name: "queue-64", Title: "queue: enqueue, claim, ack, 64 producers and 64 workers", Counted: "job",
		Callers: queueProducers, Nodes: 1,
		Goals: []Goal{ratioOf(Rate, 20)},
		Note: "etcd's recipe queue deletes a job when it hands it out: a worker that dies loses it (at most once), and nothing is acknowledged. " +
			"Conclave's jobs are claimed and acknowledged (at least once). Latency is from before the enqueue until the job is finished. " +
			"At most 256 jobs wait at a time.",
		Run: runQueue,
	}}
}

func runQueue(ctx context.Context, b *Bench) error {
	sessions, stop, err := b.sessions(ctx, queueWorkers)
	if err != nil {
		return err
	}
	defer stop()
	var (
		producers, workers sync.WaitGroup
		since              = time.Now()
		room               = make(chan struct{}, queueBacklog)
	)
	b.Start(ctx)
	for _, s := range sessions {
		lane := b.Lane()
		workers.Go(func() {
			b.Fail(s.Work(ctx, queueName, func(body string) bool {
				began, more := queuedAt(body)
				if more {
					<-room
					lane.Done(time.Since(since) - began)
				}
				return more
			}))
		})
	}
	for caller := range queueProducers {
		client, in := b.Client(caller), newInput(caller)
		producers.Go(func() {
			for !b.Over() {
				room <- struct{}{}
				if err := client.Enqueue(ctx, queueName, queueBody(time.Since(since), in)); err != nil {
					<-room
					b.Fail(err)
				}
			}
			// The workers leave in order, each with a job that says so.
			b.Fail(client.Enqueue(ctx, queueName, lastJob))
		})
	}
	producers.Wait()
	workers.Wait()
	<-b.Done()
	return nil
}

const lastJob = "last"

func queueBody(at time.Duration, in input) string {
	stamp := strconv.FormatInt(int64(at), 10) + " "
	return stamp + in.value()[len(stamp):]
}

// queuedAt reads a body; more is false for the one that ends a worker.
func queuedAt(body string) (at time.Duration, more bool) {
	stamp, _, ok := strings.Cut(body, " ")
	n, err := strconv.ParseInt(stamp, 10, 64)
	return time.Duration(n), ok && err == nil
}
