package store

import (
	"github.com/cockroachdb/pebble/v2"
)

// moment is the state after a commit, as Pebble has it. All views between two
// commits share one, because Pebble looks for compactions whenever one of its
// snapshots is closed, which cost a point read more than everything else did.
type moment struct {
	at       uint64 // a commit that the snapshot has
	snapshot *pebble.Snapshot
	// users are the views, and the DB itself until the next commit; guarded by
	// DB.mu, which is taken before Pebble's own mutex.
	users int
}

// acquire keeps the DB from closing until views.Done is called.
func (d *DB) acquire() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.mu.closed {
		return ErrClosed
	}
	d.views.Add(1)
	return nil
}

// enter gives a view the moment of the last commit. It keeps the DB from closing
// until views.Done is called.
func (d *DB) enter() (*moment, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.mu.closed {
		return nil, ErrClosed
	}
	if d.mu.moment == nil {
		at := d.commits.Load() // before the snapshot: see recent
		d.mu.moment = &moment{at: at, snapshot: d.pebble.NewSnapshot(), users: 1}
	}
	d.mu.moment.users++
	d.views.Add(1)
	return d.mu.moment, nil
}

// leave is the end of a user of a moment.
func (d *DB) leave(m *moment) error {
	d.mu.Lock()
	m.users--
	last := m.users == 0
	d.mu.Unlock()
	if !last {
		return nil
	}
	return m.snapshot.Close()
}

// pass has later views see what was committed since the last ones. A moment that
// nobody looks at ends with it, so that it holds back compactions only until the
// next commit.
func (d *DB) pass() error {
	d.mu.Lock()
	m := d.mu.moment
	d.mu.moment = nil
	d.mu.Unlock()
	if m == nil {
		return nil
	}
	return d.leave(m)
}
