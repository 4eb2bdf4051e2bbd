package statemachine

import (
	"sync"
	"sync/atomic"

	"github.com/tidwall/btree"
)

// dueTable knows when the first timer of each namespace is due, so that the
// leader proposes ExpireTimers when its clock passes one and not before.
type dueTable struct {
	// next is the earliest time of all, nil when there is none.
	next atomic.Pointer[int64]
	// moved holds a token when next changed since somebody last looked.
	moved chan struct{}

	mu    sync.Mutex
	order *btree.BTreeG[dueEntry]
	byNS  map[uint32]int64
}

type dueEntry struct {
	due       int64
	namespace uint32
}

func newDueTable() *dueTable {
	return &dueTable{
		moved: make(chan struct{}, 1),
		order: btree.NewBTreeGOptions(func(a, b dueEntry) bool {
			if a.due != b.due {
				return a.due < b.due
			}
			return a.namespace < b.namespace
		}, btree.Options{NoLocks: true}),
		byNS: make(map[uint32]int64),
	}
}

// set records a namespace's first due time; found is false when it has none.
func (t *dueTable) set(namespace uint32, due int64, found bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	old, had := t.byNS[namespace]
	if had == found && old == due {
		return
	}
	if had {
		t.order.Delete(dueEntry{due: old, namespace: namespace})
		delete(t.byNS, namespace)
	}
	if found {
		t.order.Set(dueEntry{due: due, namespace: namespace})
		t.byNS[namespace] = due
	}
	t.announceLocked()
}

// clear forgets everything, before the timers of another state are read.
func (t *dueTable) clear() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.order.Clear()
	clear(t.byNS)
	t.announceLocked()
}

// announceLocked stores the earliest time and signals when it is another one.
func (t *dueTable) announceLocked() {
	old := t.next.Load()
	first, found := t.order.Min()
	switch {
	case !found && old == nil, found && old != nil && *old == first.due:
		return
	case !found:
		t.next.Store(nil)
	default:
		t.next.Store(&first.due)
	}
	select {
	case t.moved <- struct{}{}:
	default:
	}
}

// NextDue returns the log-clock time in milliseconds at which the first timer
// of any namespace is due; ok is false when there is none.
func (m *Machine) NextDue() (due int64, ok bool) {
	next := m.due.next.Load()
	if next == nil {
		return 0, false
	}
	return *next, true
}

// DueMoved holds a token whenever NextDue has changed since the last receive.
// The shard leader's expiry loop is its one reader.
func (m *Machine) DueMoved() <-chan struct{} { return m.due.moved }

// DueNamespaces returns the namespaces that have a timer due at or before a
// time, earliest first: those that need ExpireTimers.
func (m *Machine) DueNamespaces(clock int64) []uint32 {
	m.due.mu.Lock()
	defer m.due.mu.Unlock()
	var namespaces []uint32
	m.due.order.Scan(func(e dueEntry) bool {
		if e.due > clock {
			return false
		}
		namespaces = append(namespaces, e.namespace)
		return true
	})
	return namespaces
}
