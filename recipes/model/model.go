// Package model is the simplest state that the rules of package recipes run
// on: a sorted slice and plain lists of versions, all in memory.
//
// It is meant to be obviously right rather than fast. Tests of the rules run
// on it, and tests of the real store compare themselves with it.
package model

import (
	"bytes"
	"slices"

	"github.com/conclavehq/conclave/internal/keys"
	logv1 "github.com/conclavehq/conclave/proto/gen/conclave/log/v1"
	"github.com/conclavehq/conclave/recipes"
)

// State is the state of one shard. The zero value is not usable; New is.
type State struct {
	records []Record // by key
	spaces  map[keys.Namespace]*space
	clock   recipes.Clock
}

// Record is one stored record.
type Record struct{ Key, Value []byte }

// New returns an empty state.
func New() *State {
	return &State{spaces: make(map[keys.Namespace]*space)}
}

// space returns the keys and revisions of a namespace, new ones at first.
func (s *State) space(ns keys.Namespace) *space {
	if s.spaces[ns] == nil {
		s.spaces[ns] = &space{revision: 1, compacted: -1, versions: make(map[string][]version)}
	}
	return s.spaces[ns]
}

// Clock returns the log clock of the last command.
func (s *State) Clock() recipes.Clock { return s.clock }

// Records returns the records of a table of a namespace, in order.
func (s *State) Records(ns keys.Namespace, table keys.Table) []Record {
	var found []Record
	prefix := keys.Prefix(ns, table)
	s.scan(prefix, keys.After(prefix), func(key, value []byte) bool {
		found = append(found, Record{Key: key, Value: value})
		return true
	})
	return found
}

// Begin starts a command. What it does takes effect at once; Rollback undoes
// it. A Tx is also the Reader for a query at the state's clock.
func (s *State) Begin(ns keys.Namespace, clock recipes.Clock, wallMS int64) *Tx {
	s.clock = max(s.clock, clock)
	return &Tx{state: s, space: s.space(ns), ns: ns, wallMS: wallMS}
}

// Reader returns what a query sees.
func (s *State) Reader(ns keys.Namespace) recipes.Reader { return s.Begin(ns, s.clock, 0) }

// find returns where a key is, or would be.
func (s *State) find(key []byte) (int, bool) {
	return slices.BinarySearchFunc(s.records, key, func(rec Record, key []byte) int {
		return bytes.Compare(rec.Key, key)
	})
}

// scan visits [from, to), an absent to being no bound. It seeks each next key
// anew, so records elsewhere may change meanwhile.
func (s *State) scan(from, to []byte, visit func(key, value []byte) bool) {
	for {
		i, _ := s.find(from)
		if i == len(s.records) || (to != nil && bytes.Compare(s.records[i].Key, to) >= 0) {
			return
		}
		rec := s.records[i]
		if !visit(rec.Key, rec.Value) {
			return
		}
		from = append(bytes.Clone(rec.Key), 0)
	}
}

// Tx runs one command.
type Tx struct {
	state  *State
	space  *space
	ns     keys.Namespace
	wallMS int64
	taken  bool
	events []*logv1.Event
	undo   []func()
}

var _ recipes.Tx = (*Tx)(nil)

// Namespace implements recipes.Reader.
func (tx *Tx) Namespace() keys.Namespace { return tx.ns }

// Clock implements recipes.Reader.
func (tx *Tx) Clock() recipes.Clock { return tx.state.clock }

// WallMS implements recipes.Tx.
func (tx *Tx) WallMS() int64 { return tx.wallMS }

// Revision implements recipes.Reader.
func (tx *Tx) Revision() recipes.Revision { return tx.space.revision }

// NextRevision implements recipes.Tx.
func (tx *Tx) NextRevision() recipes.Revision {
	if !tx.taken {
		tx.taken = true
		tx.space.revision++
		tx.undo = append(tx.undo, func() {
			tx.taken = false
			tx.space.revision--
		})
	}
	return tx.space.revision
}

// Get implements recipes.Reader.
func (tx *Tx) Get(key []byte) []byte {
	if i, found := tx.state.find(key); found {
		return tx.state.records[i].Value
	}
	return nil
}

// Scan implements recipes.Reader.
func (tx *Tx) Scan(from, to []byte, visit func(key, value []byte) bool) {
	tx.state.scan(from, to, visit)
}

// Set implements recipes.Tx.
func (tx *Tx) Set(key, value []byte) {
	if value == nil {
		panic("model: Set of a nil value, which would read as no record")
	}
	i, found := tx.state.find(key)
	if found {
		before := tx.state.records[i].Value
		tx.state.records[i].Value = value
		tx.undo = append(tx.undo, func() { tx.put(key, before) })
		return
	}
	tx.state.records = slices.Insert(tx.state.records, i, Record{Key: key, Value: value})
	tx.undo = append(tx.undo, func() { tx.remove(key) })
}

// Delete implements recipes.Tx.
func (tx *Tx) Delete(key []byte) {
	i, found := tx.state.find(key)
	if !found {
		return
	}
	before := tx.state.records[i]
	tx.remove(key)
	tx.undo = append(tx.undo, func() { tx.put(before.Key, before.Value) })
}

// put and remove change a record without a way back.
func (tx *Tx) put(key, value []byte) {
	i, found := tx.state.find(key)
	if found {
		tx.state.records[i].Value = value
		return
	}
	tx.state.records = slices.Insert(tx.state.records, i, Record{Key: key, Value: value})
}

func (tx *Tx) remove(key []byte) {
	if i, found := tx.state.find(key); found {
		tx.state.records = slices.Delete(tx.state.records, i, i+1)
	}
}

// Emit implements recipes.Tx.
func (tx *Tx) Emit(event *logv1.Event) {
	event.NamespaceId = uint32(tx.ns)
	event.Revision = int64(tx.space.revision)
	tx.events = append(tx.events, event)
	tx.undo = append(tx.undo, func() { tx.events = tx.events[:len(tx.events)-1] })
}

// Events returns what the command has told subscribers.
func (tx *Tx) Events() []*logv1.Event { return tx.events }

// Mark implements recipes.Tx.
func (tx *Tx) Mark() int { return len(tx.undo) }

// Rollback implements recipes.Tx.
func (tx *Tx) Rollback(mark int) {
	for len(tx.undo) > mark {
		last := len(tx.undo) - 1
		tx.undo[last]()
		tx.undo = tx.undo[:last]
	}
}
