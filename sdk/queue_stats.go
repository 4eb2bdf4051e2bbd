package conclave

import (
	"context"
	"iter"
	"time"

	conclavev1 "github.com/conclavehq/conclave/proto/gen/conclave/v1"
)

// QueueStats counts a queue's jobs.
type QueueStats struct {
	Queue string
	// How many jobs are in each state now.
	Ready, Delayed, Claimed, Dead, Done, Blocked int64
	// WaitingWorkers is how many claims wait for a job.
	WaitingWorkers int64
	// What has happened since the queue exists.
	Enqueued, Acked, Nacked, Expired int64
	// OldestReady is how long the oldest ready job has been in the queue.
	OldestReady time.Duration
}

// Stats counts the queue's jobs. It fails with ErrQueueNotFound when the queue
// never had one.
func (q *Queue) Stats(ctx context.Context) (*QueueStats, error) {
	res, err := read(ctx, q.client, (*services).GetQueue, &conclavev1.GetQueueRequest{
		Namespace: q.client.where(),
		Queue:     q.name,
	})
	if err != nil {
		return nil, during(err, "count the jobs of %q", q.name)
	}
	return statsFrom(res.GetStats()), nil
}

// Queues goes through the queues whose names start with prefix, by name, page by
// page.
func (c *Client) Queues(ctx context.Context, prefix string) iter.Seq2[*QueueStats, error] {
	return func(yield func(*QueueStats, error) bool) {
		after := ""
		for {
			res, err := read(ctx, c, (*services).ListQueues, &conclavev1.ListQueuesRequest{
				Namespace: c.where(),
				Prefix:    prefix,
				After:     after,
				Limit:     pageSize,
			})
			if err != nil {
				yield(nil, during(err, "list queues"))
				return
			}
			for _, stats := range res.GetQueues() {
				after = stats.GetQueue()
				if !yield(statsFrom(stats), nil) {
					return
				}
			}
			if !res.GetMore() {
				return
			}
		}
	}
}

func statsFrom(s *conclavev1.QueueStats) *QueueStats {
	return &QueueStats{
		Queue:          s.GetQueue(),
		Ready:          s.GetReady(),
		Delayed:        s.GetDelayed(),
		Claimed:        s.GetClaimed(),
		Dead:           s.GetDead(),
		Done:           s.GetDone(),
		Blocked:        s.GetBlocked(),
		WaitingWorkers: s.GetWaitingWorkers(),
		Enqueued:       s.GetEnqueuedTotal(),
		Acked:          s.GetAckedTotal(),
		Nacked:         s.GetNackedTotal(),
		Expired:        s.GetExpiredTotal(),
		OldestReady:    s.GetOldestReady().AsDuration(),
	}
}
