package mvcc

import (
	"bytes"
	"fmt"

	"github.com/conclavehq/conclave/internal/keys"
	logv1 "github.com/conclavehq/conclave/proto/gen/conclave/log/v1"
)

// Changes asks for the changes of keys in a range of revisions.
type Changes struct {
	// From and To are the first and the last revision.
	From, To int64
	// Key and RangeEnd are as in a range read.
	Key, RangeEnd []byte
	// Previous asks for the versions before, too.
	Previous bool
	// Passed, if it is set, is called with the revision of each change of another
	// key that is read on the way, and ends the reading when it returns false.
	Passed func(revision int64) bool
}

// History calls visit for the changes in the order in which they were made,
// until it returns false. It refuses when changes from q.From on are compacted
// (promise D4: a watch never misses one silently). A version before that is
// compacted is left out of its event.
func (s Snapshot) History(q Changes, visit func(revision int64, event *logv1.KVEvent) bool) *logv1.Refusal {
	first := s.Watchable()
	if q.From < first {
		return &logv1.Refusal{
			Reason:   logv1.Reason_REASON_COMPACTED,
			Detail:   fmt.Sprintf("changes before revision %d are forgotten", first),
			Revision: first,
		}
	}
	sp := spanOf(q.Key, q.RangeEnd)
	if sp.single && q.From > first && s.historyOfKey(q, visit) {
		return nil
	}
	from, to := revisionKey(s.ns, max(q.From, 0), 0), revisionKey(s.ns, q.To+1, 0)
	if bytes.Compare(from, to) >= 0 {
		return nil
	}
	s.r.Walk(from, to, func(at, record []byte) bool {
		c := mustChange(record)
		revision, _, err := keys.ReadU64(at[keys.HeaderLen:])
		check(err)
		if !sp.contains(c.key) {
			return q.Passed == nil || q.Passed(int64(revision))
		}
		c.key = bytes.Clone(c.key)
		event := s.event(int64(revision), c, q.Previous)
		return event != nil && visit(int64(revision), event)
	})
	return nil
}

// event makes the event of a change; nil if a read failed.
func (s Snapshot) event(revision int64, c change, previous bool) *logv1.KVEvent {
	event := &logv1.KVEvent{Type: c.kind, Kv: &logv1.KeyValue{Key: c.key, ModRevision: revision}}
	if c.kind == logv1.KVEvent_TYPE_PUT {
		v, found := s.written(c.key, revision)
		if !found {
			if s.r.Err() == nil {
				panic(fmt.Sprintf("mvcc: damaged state: version %d of key %q is lost", revision, c.key))
			}
			return nil
		}
		event.Kv = v.keyValue(c.key)
	}
	if previous && c.previous != 0 {
		if v, found := s.ended(c.key, c.previous); found {
			event.Previous = v.keyValue(c.key)
		}
	}
	return event
}

// written returns the version that was written at a revision.
func (s Snapshot) written(key []byte, revision int64) (version, bool) {
	if record := s.r.Get(latestKey(s.ns, key)); record != nil {
		if v := mustLatest(record); v.mod == revision {
			return v, true
		}
	}
	return s.ended(key, revision)
}

// ended returns the version that was written at a revision and has ended.
func (s Snapshot) ended(key []byte, revision int64) (version, bool) {
	record := s.r.Get(historyKey(s.ns, key, revision))
	if record == nil {
		return version{}, false
	}
	_, v := mustEnded(record)
	return v, true
}
