package mvcc

import (
	"bytes"

	logv1 "github.com/conclavehq/conclave/proto/gen/conclave/log/v1"
)

const (
	// manyRevisions is from how many revisions on the changes of one key are
	// looked up by the key. Fewer are as soon read past.
	manyRevisions = 16
	// A key that was changed more often than maxLives times, or has more bytes in
	// its versions than maxLifeBytes, is among all changes often enough.
	maxLives     = 1000
	maxLifeBytes = 1 << 20
)

// life is a version of a key and the revision that ended it, 0 if it is current.
type life struct {
	version
	end int64
}

// lives returns the versions of a key that began or ended at a revision or later,
// the newest first. ok is false when there are too many.
func (s Snapshot) lives(key []byte, from int64) (lives []life, ok bool) {
	if record := s.r.Get(latestKey(s.ns, key)); record != nil {
		v := mustLatest(record)
		if v.mod < from {
			return nil, true
		}
		lives = append(lives, life{version: v})
	}
	size, many := 0, false
	first, last := span{from: key, single: true}.history(s.ns)
	s.r.Walk(first, last, func(_, record []byte) bool {
		end, v := mustEnded(record)
		if end < from {
			return false
		}
		if size += len(v.value); len(lives) == maxLives || size > maxLifeBytes {
			many = true
			return false
		}
		v.value = bytes.Clone(v.value)
		lives = append(lives, life{version: v, end: end})
		return true
	})
	return lives, !many
}

// historyOfKey does what History does for one key that is seldom changed, without
// reading past the changes of all others. It is false when the key is not such a
// one. What ended at the compacted revision itself is only among all changes.
func (s Snapshot) historyOfKey(q Changes, visit func(revision int64, event *logv1.KVEvent) bool) bool {
	if q.To-q.From < manyRevisions {
		return false
	}
	lives, ok := s.lives(q.Key, q.From)
	if !ok {
		return false
	}
	key := bytes.Clone(q.Key)
	for i := len(lives) - 1; i >= 0; i-- {
		v := lives[i]
		if v.mod >= q.From && v.mod <= q.To {
			event := &logv1.KVEvent{Type: logv1.KVEvent_TYPE_PUT, Kv: v.keyValue(key)}
			if q.Previous && i+1 < len(lives) && lives[i+1].end == v.mod {
				event.Previous = lives[i+1].keyValue(key)
			}
			if !visit(v.mod, event) {
				return true
			}
		}
		replaced := v.end == 0 || i > 0 && lives[i-1].mod == v.end
		if !replaced && v.end <= q.To {
			event := &logv1.KVEvent{Type: logv1.KVEvent_TYPE_DELETE, Kv: &logv1.KeyValue{Key: key, ModRevision: v.end}}
			if q.Previous {
				event.Previous = v.keyValue(key)
			}
			if !visit(v.end, event) {
				return true
			}
		}
	}
	return true
}
