package store

import (
	"fmt"

	"github.com/cockroachdb/pebble/v2"
)

// View is the state after one commit, hot and cold records alike; derived ones
// are not in it. A View is used by one goroutine at a time, while others apply
// and commit. It must be closed, or the DB cannot be.
//
// A read that fails makes Get answer nil and Scan stop; Err has the reason.
type View struct {
	db      *DB
	*moment // nil when closed
	err     error
}

// View opens a view of the last commit.
func (d *DB) View() (*View, error) {
	m, err := d.enter()
	if err != nil {
		return nil, err
	}
	return &View{db: d, moment: m}, nil
}

// Get returns the value of a record, nil if there is none. It stays valid, and
// the caller must not change it.
func (v *View) Get(key []byte) []byte {
	kept := keptInRecent(view(key))
	if kept {
		if value, known := v.db.recent.get(view(key), v.at); known {
			return value
		}
	}
	value, err := get(v.snapshot, key)
	v.fail(err)
	if kept && err == nil {
		v.db.recent.offer(string(key), value, v.at)
	}
	return value
}

// Scan calls visit for the records in [from, to), in key order, until it
// returns false. Keys and values stay valid. A nil to is no bound.
func (v *View) Scan(from, to []byte, visit func(key, value []byte) bool) {
	v.Walk(from, to, keeping(visit))
}

// Walk is Scan without copies: keys and values are only valid until visit
// returns.
func (v *View) Walk(from, to []byte, visit func(key, value []byte) bool) {
	iter, err := v.snapshot.NewIter(&pebble.IterOptions{LowerBound: from, UpperBound: to})
	if err != nil {
		v.fail(fmt.Errorf("store: scan: %w", err))
		return
	}
	for valid := iter.First(); valid; valid = iter.Next() {
		value, err := iter.ValueAndErr()
		if err != nil {
			v.fail(fmt.Errorf("store: scan: %w", err))
			break
		}
		if !visit(iter.Key(), value) {
			break
		}
	}
	if err := iter.Close(); err != nil {
		v.fail(fmt.Errorf("store: scan: %w", err))
	}
}

// ScanAll walks every persisted record of every namespace in key order, for
// snapshots and hashes. Keys and values are only valid until visit returns.
func (v *View) ScanAll(visit func(key, value []byte) bool) { v.Walk(nil, nil, visit) }

// Err returns the first failure of a read, if there was one.
func (v *View) Err() error { return v.err }

// Close gives the view back. Closing it again does nothing.
func (v *View) Close() error {
	if v.moment == nil {
		return nil
	}
	err := v.db.leave(v.moment)
	v.moment = nil
	v.db.views.Done()
	return err
}

func (v *View) fail(err error) {
	if v.err == nil {
		v.err = err
	}
}
