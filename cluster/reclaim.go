package cluster

import (
	"context"
	"time"

	"github.com/lni/dragonboat/v4"
)

const (
	// reclaimPause is the least time between two attempts to make room.
	reclaimPause = 2 * time.Second
	// reclaimTimeout bounds what is waited for in one.
	reclaimTimeout = 30 * time.Second
	// reclaimKeeps is how many log entries stay for replicas that are a little
	// behind; the others are sent a snapshot.
	reclaimKeeps = 100
)

// makeRoom gives back what the disk holds for nothing, while little is left: log
// entries that the state has, and records that were deleted. Otherwise both go
// only after so many more entries, which may not come when writes are refused.
func (c *Cluster) makeRoom(ctx context.Context) {
	cut := make(map[uint64]uint64) // by shard, what was applied when its log was cut
	for {
		select {
		case <-c.reclaim:
		case <-ctx.Done():
			return
		}
		for _, id := range c.id.shards() {
			s := c.shards[id]
			if applied := s.machine.Applied(); applied > cut[id]+reclaimKeeps {
				cut[id] = applied
				s.cutLog(ctx)
			}
			s.reclaim(ctx)
		}
		if !pause(ctx, nil, reclaimPause) {
			return
		}
	}
}

// cutLog has Dragonboat forget what the state has, which it writes first. What
// fails is tried again with the next entries; that a file cannot be written ends
// the process where it is noticed.
func (s *shard) cutLog(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, reclaimTimeout)
	defer cancel()
	_, err := s.raft.SyncRequestSnapshot(ctx, s.id, dragonboat.SnapshotOption{
		OverrideCompactionOverhead: true, CompactionOverhead: reclaimKeeps,
	})
	if err != nil {
		s.log.Debug().Err(err).Msg("the log is not cut shorter now")
	}
}

// reclaim gives back what deleted records take.
func (s *shard) reclaim(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, reclaimTimeout)
	defer cancel()
	if err := s.machine.Reclaim(ctx); err != nil && ctx.Err() == nil {
		s.log.Debug().Err(err).Msg("the room of deleted records is not given back now")
	}
}
