package etcd

import (
	"context"
	"sync"
	"time"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"

	"github.com/conclavehq/conclave/cluster"
)

// A node that is cut off from the majority hears of no commit: whoever watches
// on it would miss what the others decide. After leaderlessFor without a leader,
// three of etcd's election timeouts, it sends streams away.
const (
	leaderlessFor   = 3 * time.Second
	leaderlessCheck = 500 * time.Millisecond
)

// leaders ends the streams on shards that have had no leader for long.
type leaders struct {
	standing func(shard uint64) cluster.Standing

	mu     sync.Mutex
	shards map[uint64]*led
}

// led is what is known of one shard.
type led struct {
	// gone is since when the leader is missed; zero while there is one.
	gone time.Time
	// over ends when the leader has been missed for long. Streams that begin
	// after that are given as long again: a client that has found no better node
	// is not sent in circles.
	over context.Context
	end  context.CancelFunc
}

func newLed() *led {
	shard := &led{}
	shard.over, shard.end = context.WithCancel(context.Background())
	return shard
}

func newLeaders(standing func(shard uint64) cluster.Standing) *leaders {
	return &leaders{standing: standing, shards: make(map[uint64]*led)}
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
	l.mu.Lock()
	defer l.mu.Unlock()
	for id, shard := range l.shards {
		switch {
		case l.standing(id).LeaderID != 0:
			shard.gone = time.Time{}
		case shard.gone.IsZero():
			shard.gone = now
		case now.Sub(shard.gone) >= leaderlessFor:
			shard.end()
			l.shards[id] = newLed()
			l.shards[id].gone = now
		}
	}
}

// over ends when a shard has had no leader for long.
func (l *leaders) over(id uint64) context.Context {
	l.mu.Lock()
	defer l.mu.Unlock()
	shard := l.shards[id]
	if shard == nil {
		shard = newLed()
		l.shards[id] = shard
	}
	return shard.over
}

// streaming is where a stream is served, and the context of the stream: it ends,
// too, when the server drains, and when the node is of no use to the client
// because it knows no leader. Clients that asked to hear of that in etcd's way
// do; others are told what makes them go to another node. The caller must call
// done.
func (s *Server) streaming(ctx context.Context) (_ context.Context, _ cluster.Namespace, done func(), _ error) {
	where, err := s.where(ctx)
	if err != nil {
		return nil, where, nil, s.explain(ctx, err)
	}
	leaderless := rpctypes.ErrGRPCUnhealthy
	if wantsLeader(ctx) {
		leaderless = rpctypes.ErrGRPCNoLeader
	}
	ctx, cancel := context.WithCancelCause(ctx)
	led := context.AfterFunc(s.leaders.over(where.Shard), func() { cancel(leaderless) })
	serving := context.AfterFunc(s.draining, func() { cancel(rpctypes.ErrGRPCStopped) })
	return ctx, where, func() {
		led()
		serving()
		cancel(nil)
	}, nil
}
