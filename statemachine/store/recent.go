package store

import (
	"hash/maphash"
	"math"
	"slices"
	"strings"
	"sync"

	"github.com/conclavehq/conclave/internal/keys"
)

// DefaultRecentBytes is how much of the records that were written or read last a DB
// keeps in memory, unless Options say otherwise.
const DefaultRecentBytes = 32 << 20

const recentShards = 16

// newest is later than every commit.
const newest = math.MaxUint64

// recent is the records that were written or read last, as the last commit left
// them: a write needs the version that it replaces, a read comes back to the same
// keys, and Pebble takes ten times as long to find either. It serves the apply
// goroutine and readers of older moments alike, because each record says since
// when it is so. All methods may be called from many goroutines, but put and
// forget only from the one that applies.
//
// The order that keeps readers right: a commit is told here first, then Pebble,
// then it counts; a view takes the number of the last commit first, then Pebble's
// snapshot. So what a view may find here is in its snapshot, too, and what its
// snapshot has beyond that number is not found here.
type recent struct {
	seed maphash.Seed
	// room is how much each of the two generations of a shard holds.
	room   int
	shards [recentShards]recentShard
}

// recentShard has two generations: when the young one is full, it becomes the
// old one, and what was in that is forgotten.
type recentShard struct {
	mu         sync.Mutex // protects what follows
	young, old map[string]recentRecord
	bytes      int
	// written is the last commit that changed a record of the shard, kept or not.
	written uint64
}

// recentRecord is a record as it is since a commit; a nil value is none.
type recentRecord struct {
	value []byte
	since uint64
}

// newRecent makes room for so many bytes.
func newRecent(bytes int) *recent {
	return &recent{seed: maphash.MakeSeed(), room: bytes / recentShards / 2}
}

// keptInRecent reports whether records of a key's table are kept: others are not
// read by themselves, or are in memory anyway.
func keptInRecent(key string) bool {
	table := keys.Table(key[keys.HeaderLen-1])
	return table == keys.Latest || table == keys.Meta
}

func (r *recent) shard(key string) *recentShard {
	return &r.shards[maphash.String(r.seed, key)%recentShards]
}

// recordBytes is what a record costs besides its key and its value.
const recordBytes = 96

func (r recentRecord) size(key string) int { return len(key) + len(r.value) + recordBytes }

// get returns a record as it was after a commit, if that is known; nil is known
// to be none.
func (r *recent) get(key string, at uint64) (value []byte, known bool) {
	s := r.shard(key)
	s.mu.Lock()
	defer s.mu.Unlock()
	record, known := s.young[key]
	if !known {
		if record, known = s.old[key]; known {
			s.add(strings.Clone(key), record, r.room) // the caller's may change
		}
	}
	return record.value, known && record.since <= at
}

// put notes what a commit that is about to be made writes.
func (r *recent) put(key string, value []byte, commit uint64) {
	if !keptInRecent(key) {
		return
	}
	s := r.shard(key)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.written = commit
	s.add(key, recentRecord{value: value, since: commit}, r.room)
}

// offer notes what was read as it was after a commit, unless there may be
// something newer.
func (r *recent) offer(key string, value []byte, at uint64) {
	s := r.shard(key)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.written <= at {
		s.add(key, recentRecord{value: value, since: at}, r.room)
	}
}

// forget forgets everything, for a commit that deletes a range: it may have more
// records than can be listed. Ranges of tables that are not kept do not matter.
func (r *recent) forget(ranges []keyRange, commit uint64) {
	if !slices.ContainsFunc(ranges, keyRange.hasKept) {
		return
	}
	for i := range r.shards {
		s := &r.shards[i]
		s.mu.Lock()
		s.young, s.old, s.bytes, s.written = nil, nil, 0, commit
		s.mu.Unlock()
	}
}

// add keeps a record instead of what was there.
func (s *recentShard) add(key string, record recentRecord, room int) {
	delete(s.old, key)
	if before, ok := s.young[key]; ok {
		s.bytes -= before.size(key)
		delete(s.young, key)
	}
	size := record.size(key)
	if size > room/4 {
		return
	}
	if s.young == nil || s.bytes+size > room {
		s.old, s.young, s.bytes = s.young, make(map[string]recentRecord), 0
	}
	s.bytes += size
	s.young[key] = record
}

// hasKept reports whether a range may have records of tables that are kept.
func (r keyRange) hasKept() bool {
	one := len(r.from) >= keys.HeaderLen && r.to <= string(keys.After([]byte(r.from[:keys.HeaderLen])))
	return !one || keptInRecent(r.from)
}
