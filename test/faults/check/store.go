package check

import (
	"github.com/tidwall/btree"

	"github.com/conclavehq/conclave/test/faults/history"
)

// store is the keys of a namespace at one revision, as the replay of its log has
// made them.
type store struct {
	keys btree.Map[string, history.KV]
	held map[int64]map[string]bool // the keys of each lease
}

func newStore() *store { return &store{held: make(map[int64]map[string]bool)} }

// apply makes a change, however little sense it makes.
func (s *store) apply(e history.Event) {
	if old, ok := s.keys.Get(e.KV.Key); ok && old.Lease != 0 {
		delete(s.held[old.Lease], old.Key)
	}
	if e.Delete {
		s.keys.Delete(e.KV.Key)
		return
	}
	s.keys.Set(e.KV.Key, e.KV)
	if e.KV.Lease != 0 {
		if s.held[e.KV.Lease] == nil {
			s.held[e.KV.Lease] = make(map[string]bool)
		}
		s.held[e.KV.Lease][e.KV.Key] = true
	}
}

// within tells whether a key is in a range as etcd spells it.
func within(key, from, end string) bool {
	switch end {
	case "":
		return key == from
	case "\x00":
		return key >= from
	}
	return key >= from && key < end
}

// scan returns a range in key order.
func (s *store) scan(from, end string) []history.KV {
	if end == "" {
		if kv, ok := s.keys.Get(from); ok {
			return []history.KV{kv}
		}
		return nil
	}
	var found []history.KV
	s.keys.Ascend(from, func(key string, kv history.KV) bool {
		if !within(key, from, end) {
			return false
		}
		found = append(found, kv)
		return true
	})
	return found
}
