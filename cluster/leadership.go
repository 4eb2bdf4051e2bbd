package cluster

import (
	"context"
	"time"

	"github.com/lni/dragonboat/v4"

	"github.com/conclavehq/conclave/internal/planted"
	logv1 "github.com/conclavehq/conclave/proto/gen/conclave/log/v1"
)

// rule follows Raft's leadership until ctx ends: when this replica begins to
// lead, it claims the epoch, and then lets commands in and timers expire.
//
//	following ──leads T──▶ claiming T ──applied──▶ reigning T
//	    ▲                       │                      │
//	    └────────── leader or term changed ────────────┘
func (s *shard) rule(ctx context.Context) {
	for {
		info, moved := s.leader()
		if info.LeaderID == s.replica {
			s.batcher.open(info.Term)
			if s.claim(ctx, info.Term, moved) {
				s.log.Info().Uint64("epoch", info.Term).Msg("this node leads the shard")
				s.batcher.serve()
				s.expire(ctx, moved)
			}
			s.batcher.shut()
		}
		select {
		case <-moved:
		case <-ctx.Done():
			return
		}
	}
}

// claim makes the term the shard's epoch (promise T2). It is false when the
// leadership ended before.
func (s *shard) claim(ctx context.Context, term uint64, moved <-chan struct{}) bool {
	for {
		claim, state := s.batcher.claim(term, s.machine.Clock(), s.node)
		if !s.claimDecided(ctx, claim, state, moved) {
			return false
		}
		result, err := claim.outcome(0)
		if err == nil && result.GetClaimEpoch().GetEpoch() == term {
			if planted.Bug == planted.ClockRestarts {
				// mutant_08 (etcd #9395): time begins anew with each leader, so leases
				// outlive their holders by as much as had passed.
				s.clock.start(0)
				return true
			}
			s.clock.start(result.GetClaimEpoch().GetClockMs())
			return true
		}
		if !pause(ctx, moved, proposePause) {
			return false
		}
	}
}

// claimDecided waits until a claim is applied or certainly never will be.
func (s *shard) claimDecided(ctx context.Context, claim *batch, state proposal,
	moved <-chan struct{}) bool {
	var said <-chan dragonboat.RequestResult
	if state != nil {
		said = state.ResultC()
	}
	for {
		select {
		case <-claim.done:
			return true
		case result := <-said:
			said = nil
			state.Release()
			if result.Dropped() {
				s.batcher.refuse(claim)
			}
		case <-moved:
			return false
		case <-ctx.Done():
			return false
		}
	}
}

// claim proposes the claim of an epoch. It goes past the queue, which waits for
// it.
func (b *batcher) claim(epoch uint64, clock int64, node string) (*batch, proposal) {
	claim := newBatch()
	claim.taken = true
	claim.add(encodeCommand(&logv1.Command{Body: &logv1.Command_ClaimEpoch{
		ClaimEpoch: &logv1.ClaimEpoch{Epoch: epoch, Node: node},
	}}))
	b.mu.Lock()
	b.registerLocked(claim, epoch)
	b.mu.Unlock()
	state, err := b.propose(claim.encode(nil, &logv1.Header{
		Epoch: epoch, ClockMs: clock, WallMs: wallMS(), BatchId: claim.id,
	}))
	if err != nil {
		b.refuse(claim)
		return claim, nil
	}
	return claim, state
}

// expireLimit is how many timers one command fires, so that a mass expiry does
// not hold up everything else.
const expireLimit = 500

// maxClockLag is how far, in milliseconds, the clock in the log may be behind
// the leader's while a timer runs. What it is behind is lost with the leader, and
// everything that is due comes so much later (promise T3).
const maxClockLag = 1000

// expire proposes the expiry of timers as they come due, until the leadership
// ends. While no timer runs, it only reads the clock.
func (s *shard) expire(ctx context.Context, moved <-chan struct{}) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		read := s.clock.now() + maxClockLag
		if next, ok := s.machine.NextDue(); ok {
			read = min(next, s.machine.Clock()+maxClockLag)
		}
		timer.Reset(max(0, s.clock.until(read)))
		select {
		case <-moved:
			return
		case <-ctx.Done():
			return
		case <-s.machine.DueMoved():
		case <-s.clock.skips:
		case <-timer.C:
			if !s.expireDue(ctx, moved) && !pause(ctx, moved, proposePause) {
				return
			}
		}
	}
}

// expireDue expires what is due now and waits until that is applied. When
// nothing is due and the log's clock is behind, it does so for a namespace where
// that only moves the clock. It is false when nothing came of it, so that the
// caller does not spin.
func (s *shard) expireDue(ctx context.Context, moved <-chan struct{}) bool {
	now := s.clock.now()
	namespaces := s.machine.DueNamespaces(now)
	idle := len(namespaces) == 0
	if idle {
		next, ok := s.machine.NextDue()
		if !ok || now-s.machine.Clock() < maxClockLag {
			return true // it was, a moment ago
		}
		if namespaces = s.machine.DueNamespaces(next); len(namespaces) == 0 {
			return true
		}
		namespaces = namespaces[:1]
	}
	var commands [][]byte
	for _, namespace := range namespaces {
		commands = append(commands, encodeCommand(&logv1.Command{
			NamespaceId: namespace,
			Body:        &logv1.Command_ExpireTimers{ExpireTimers: &logv1.ExpireTimers{Limit: expireLimit}},
		}))
	}
	places, err := s.batcher.submit(nil, commands...)
	if err != nil {
		return false
	}
	fired := int32(0)
	for _, p := range places {
		select {
		case <-p.batch.done:
		case <-moved:
			return false
		case <-ctx.Done():
			return false
		}
		if result, err := p.batch.outcome(p.slot); err == nil {
			fired += result.GetExpireTimers().GetFired()
			s.tellExpired(result.GetExpireTimers().GetExpiredLeaseIds())
		}
	}
	return fired > 0 || idle && s.machine.Clock() >= now
}

// tellExpired logs the sessions that were lost in one line, however many.
func (s *shard) tellExpired(leases []int64) {
	if len(leases) == 0 {
		return
	}
	s.log.Info().Int("count", len(leases)).Ints64("leases", leases[:min(len(leases), 10)]).
		Msg("leases expired: their sessions did not renew them")
}

// pause waits for d; it is false when the leader changed or ctx ended before.
func pause(ctx context.Context, moved <-chan struct{}, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-moved:
		return false
	case <-ctx.Done():
		return false
	}
}
