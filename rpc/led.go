package rpc

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/conclavehq/conclave/cluster"
)

// A node that is cut off from the majority hears of no commit: whoever waits on
// it would miss a grant that the others have made. After leaderlessFor without
// a leader it sends them away; an election takes less.
const (
	leaderlessFor   = 3 * time.Second
	leaderlessCheck = 500 * time.Millisecond
)

// errLeaderless is the cause of a context that leaders ended.
var errLeaderless = errors.New("rpc: the shard has no leader")

// leaders ends the waits and streams on shards that have had no leader for long.
type leaders struct {
	status func() cluster.Status

	mu     sync.Mutex
	shards map[uint64]*led
}

// led is what is known of one shard.
type led struct {
	// gone is when the leader was missed first; zero while there is one.
	gone time.Time
	// ctx ends when the shard has had no leader for long. A new one begins
	// with the next leader.
	ctx context.Context
	end context.CancelFunc
}

func newLeaders(status func() cluster.Status) *leaders {
	return &leaders{status: status, shards: make(map[uint64]*led)}
}

// run looks after the leaders until ctx ends.
func (l *leaders) run(ctx context.Context) {
	ticker := time.NewTicker(leaderlessCheck)
	defer ticker.Stop()
	for {
		select {
		case now := <-ticker.C:
			l.look(now)
		case <-ctx.Done():
			return
		}
	}
}

func (l *leaders) look(now time.Time) {
	status := l.status()
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, s := range status.Shards {
		shard := l.shardLocked(s.Shard)
		switch {
		case s.Leader != "":
			shard.gone = time.Time{}
			if shard.ctx.Err() != nil {
				shard.ctx, shard.end = context.WithCancel(context.Background())
			}
		case shard.gone.IsZero():
			shard.gone = now
		case now.Sub(shard.gone) >= leaderlessFor:
			shard.end()
		}
	}
}

func (l *leaders) shardLocked(id uint64) *led {
	shard := l.shards[id]
	if shard == nil {
		shard = &led{}
		shard.ctx, shard.end = context.WithCancel(context.Background())
		l.shards[id] = shard
	}
	return shard
}

// while is a context that ends, too, when the shard has had no leader for long.
// The caller must call done.
func (l *leaders) while(ctx context.Context, shard uint64) (_ context.Context, done func()) {
	l.mu.Lock()
	led := l.shardLocked(shard).ctx
	l.mu.Unlock()
	return endedWith(ctx, led, errLeaderless)
}

// endedWith is a context that ends, too, when another one does, and with which
// cause.
func endedWith(ctx, other context.Context, cause error) (_ context.Context, done func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	stop := context.AfterFunc(other, func() { cancel(cause) })
	return ctx, func() {
		stop()
		cancel(nil)
	}
}
