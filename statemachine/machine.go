package statemachine

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"

	dbsm "github.com/lni/dragonboat/v4/statemachine"

	"github.com/conclavehq/conclave/internal/keys"
	"github.com/conclavehq/conclave/internal/planted"
	storagev1 "github.com/conclavehq/conclave/proto/gen/conclave/storage/v1"
	"github.com/conclavehq/conclave/recipes"
	"github.com/conclavehq/conclave/statemachine/feed"
	"github.com/conclavehq/conclave/statemachine/mvcc"
	"github.com/conclavehq/conclave/statemachine/store"
)

// Machine is one replica of one shard.
type Machine struct {
	config   Config
	dir      directory
	feed     *feed.Feed
	progress progress
	due      *dueTable
	hashes   hashes
	prepared preparedViews
	ahead    ahead
	// historyEvents is how many events a watcher reads from disk in one go.
	historyEvents int

	// applier and number belong to the apply goroutine.
	applier *applier
	number  uint64 // of the DB in use

	mu struct {
		sync.RWMutex
		// db is nil before Open and after Close.
		db *store.DB
	}
	// retired waits for replaced DBs to be given back by their readers.
	retired sync.WaitGroup
}

var _ dbsm.IOnDiskStateMachine = (*Machine)(nil)

// New makes the machine of a replica. Dragonboat opens it.
func New(config Config) *Machine {
	return &Machine{
		config: config,
		dir:    directory{path: config.Dir, existing: config.Existing},
		feed:   feed.New(config.FeedBuffer),
		due:    newDueTable(),
		hashes: hashes{stop: make(chan struct{})},

		historyEvents: defaultHistoryEvents,
	}
}

// Open opens the replica's directory, or begins a new one, and returns the log
// index up to which entries are in the state.
func (m *Machine) Open(stop <-chan struct{}) (uint64, error) {
	select {
	case <-stop:
		return 0, dbsm.ErrOpenStopped
	default:
	}
	db, err := m.openDB()
	if err != nil {
		return 0, fmt.Errorf("statemachine: shard %d: %w", m.config.Shard, err)
	}
	a, err := newApplier(db)
	if err != nil {
		return 0, errors.Join(fmt.Errorf("statemachine: shard %d: %w", m.config.Shard, err), db.Close())
	}
	m.install(a)
	m.ahead.reset(m.config.SyncEvery, a.shard.GetAppliedIndex())
	return a.shard.GetAppliedIndex(), nil
}

// openDB finds the DB in use and deletes what a crash left beside it.
func (m *Machine) openDB() (*store.DB, error) {
	if err := os.MkdirAll(m.dir.path, 0o700); err != nil {
		return nil, err
	}
	number, err := m.dir.current()
	if err != nil {
		return nil, err
	}
	if err := m.dir.clean(number); err != nil {
		return nil, err
	}
	fresh := number == 0
	if fresh {
		number = 1
	}
	db, err := store.Open(m.dir.db(number), m.config.Store)
	if err != nil {
		return nil, err
	}
	if fresh {
		if err := m.dir.point(number); err != nil {
			return nil, errors.Join(err, db.Close())
		}
	}
	m.number = number
	return db, nil
}

// newApplier reads what apply needs in memory, and makes the derived tables.
func newApplier(db *store.DB) (*applier, error) {
	batch := db.NewBatch()
	a := &applier{db: db, shard: loadShard(batch), namespaces: make(map[keys.Namespace]*namespace)}
	if a.shard.GetFormat() != FormatVersion {
		return nil, fmt.Errorf("the directory has format %d, this program knows %d", a.shard.GetFormat(), FormatVersion)
	}
	var live []*namespace
	scanNamespaces(batch, func(id keys.Namespace, rec *storagev1.NamespaceRecord) {
		ns := &namespace{id: id, revision: rec.GetRevision(), dropped: rec.GetDropped(), known: true}
		a.namespaces[id] = ns
		if !ns.dropped {
			live = append(live, ns)
		}
	})
	for _, ns := range live {
		recipes.Rebuild(newTx(batch, ns, recipes.Clock(a.shard.GetClockMs()), 0))
	}
	a.touched = live
	return a, batch.Commit()
}

// install makes a DB the one that everybody uses, and returns the one before.
func (m *Machine) install(a *applier) (old *store.DB) {
	a.feed, a.batch = m.feed, a.db.NewBatch()
	dues := a.nextDues()
	m.due.clear()
	var progress []feed.Progress
	for i, ns := range a.touched {
		m.due.set(uint32(ns.id), dues[i].at, dues[i].found)
		progress = append(progress, feed.Progress{Namespace: uint32(ns.id), Revision: ns.revision})
	}
	a.reset()
	m.applier = a

	m.mu.Lock()
	old, m.mu.db = m.mu.db, a.db
	m.mu.Unlock()

	// mutant_18 (etcd #15271): watches are not told that the state was replaced, and
	// go on without what was between the two.
	if planted.Bug != planted.RecoveryTellsNobody || old == nil {
		m.feed.Reset(progress, a.shard.GetAppliedIndex())
	}
	m.progress.advance(a.shard)
	return old
}

// view opens a view of the state after the last commit.
func (m *Machine) view() (*store.View, error) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	if m.mu.db == nil {
		return nil, ErrClosed
	}
	view, err := m.mu.db.View()
	if errors.Is(err, store.ErrClosed) {
		return nil, ErrClosed
	}
	return view, err
}

// DiskBytes is the size of the DB in use.
func (m *Machine) DiskBytes() int64 {
	m.mu.RLock()
	defer m.mu.RUnlock()
	if m.mu.db == nil {
		return 0
	}
	return m.mu.db.DiskBytes()
}

// PendingBytes is what the DB in use has in memory and will write.
func (m *Machine) PendingBytes() int64 {
	m.mu.RLock()
	defer m.mu.RUnlock()
	if m.mu.db == nil {
		return 0
	}
	return m.mu.db.PendingBytes()
}

// KeyBytes is about what the current versions of one key, or of the keys in
// [key, rangeEnd), take on disk. A range costs the same however many there are.
func (m *Machine) KeyBytes(namespace uint32, key, rangeEnd []byte) int64 {
	view, err := m.view()
	if err != nil {
		return 0
	}
	defer func() { _ = view.Close() }()
	from, to := mvcc.LatestSpan(keys.Namespace(namespace), key, rangeEnd)
	if to == nil {
		return int64(len(view.Get(from)))
	}
	return view.SpanBytes(from, to)
}

// Reclaim gives back the room of what was deleted. It may take long.
func (m *Machine) Reclaim(ctx context.Context) error {
	m.mu.RLock()
	db := m.mu.db
	m.mu.RUnlock()
	if db == nil {
		return ErrClosed
	}
	return db.Reclaim(ctx)
}

// Sync makes everything that was applied durable. Dragonboat keeps the log of
// everything else.
func (m *Machine) Sync() error {
	m.ahead.reset(m.config.SyncEvery, m.applier.shard.GetAppliedIndex())
	return m.applier.db.Sync()
}

// Close ends subscriptions, waits and running hashes, waits until running
// queries have their answer, and closes the DB, which makes it durable: the next
// start has nothing to apply again.
func (m *Machine) Close() error {
	m.mu.Lock()
	db := m.mu.db
	m.mu.db = nil
	m.mu.Unlock()
	if db == nil {
		return nil
	}

	m.feed.Close()
	m.progress.close()
	m.hashes.close()
	m.prepared.closeAll()
	err := db.Close()
	m.retired.Wait()
	return err
}

// Subscribe begins a subscription to committed events.
func (m *Machine) Subscribe(filter feed.Filter) *feed.Subscription {
	return m.feed.Subscribe(filter)
}
