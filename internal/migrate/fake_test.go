package migrate

import (
	"context"
	"fmt"
	"maps"
	"os"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/conclavehq/conclave/embed"
	"github.com/conclavehq/conclave/internal/archive"
	conclave "github.com/conclavehq/conclave/sdk"
)

// patience is how long anything may take that a test waits for.
const testPatience = time.Minute

var endpoints []string

// One node is enough: each test has a namespace of its own.
func TestMain(m *testing.M) {
	os.Exit(run(m))
}

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "conclave-migrate")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	ctx, cancel := context.WithTimeout(context.Background(), testPatience)
	defer cancel()
	node, err := embed.Start(ctx, embed.Config{Dir: dir})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer func() { _ = node.Stop() }()
	endpoints = node.Endpoints()
	return m.Run()
}

// fresh is a client of a namespace of its own.
func fresh(t *testing.T, name string) *conclave.Client {
	t.Helper()
	c, err := conclave.Dial(t.Context(), endpoints, conclave.WithNamespace(name))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	if _, err := c.CreateNamespace(t.Context(), name); err != nil {
		t.Fatal(err)
	}
	return c
}

func within(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), testPatience)
	t.Cleanup(cancel)
	return ctx
}

// store is the simplest store that keys can be moved from. It keeps all keys of all
// revisions.
type store struct {
	mu sync.Mutex
	// states and changes are those of each revision, from 1 on.
	states    []map[string]archive.Key
	changes   []conclave.ImportedRevision
	leases    map[int64]time.Duration
	compacted int64
	page      int // keys in a page
	// wake is closed when there is a new revision, or a reason to look.
	wake chan struct{}
	// reading is called before each page of keys.
	reading func()
	// lie changes what is told, so that the two sides come to differ.
	lie func(k *archive.Key)
}

var _ Origin = (*store)(nil)

func newStore() *store {
	return &store{
		states: []map[string]archive.Key{nil, {}}, changes: make([]conclave.ImportedRevision, 2),
		leases: map[int64]time.Duration{}, wake: make(chan struct{}), page: 3,
	}
}

// write makes a revision: values by key, nil for what is deleted.
func (s *store) write(lease int64, values map[string][]byte) int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	revision := int64(len(s.states))
	state := maps.Clone(s.states[revision-1])
	change := conclave.ImportedRevision{Revision: conclave.Revision(revision)}
	for _, name := range slices.Sorted(maps.Keys(values)) {
		old, found := state[name]
		if values[name] == nil {
			if found {
				delete(state, name)
				change.Changes = append(change.Changes, conclave.ImportedChange{Delete: name})
			}
			continue
		}
		key := archive.Key{Key: []byte(name), Value: values[name], CreateRevision: revision, ModRevision: revision, Version: 1, Lease: lease}
		if found {
			key.CreateRevision, key.Version = old.CreateRevision, old.Version+1
		}
		state[name] = key
		kv := kvOf(&key)
		change.Changes = append(change.Changes, conclave.ImportedChange{Put: &kv})
	}
	s.states, s.changes = append(s.states, state), append(s.changes, change)
	close(s.wake)
	s.wake = make(chan struct{})
	return revision
}

func (s *store) put(name, value string, lease int64) int64 {
	return s.write(lease, map[string][]byte{name: []byte(value)})
}

func (s *store) grant(id int64, ttl time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.leases[id] = ttl
}

func (s *store) revoke(id int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.leases, id)
}

func (s *store) compact(revision int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.compacted = revision
}

func (s *store) Source() string { return "a test" }

func (s *store) Head(context.Context) (int64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return int64(len(s.states)) - 1, nil
}

func (s *store) Count(_ context.Context, revision int64) (int64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if revision < s.compacted {
		return 0, &CompactedError{Asked: revision, First: s.compacted}
	}
	return int64(len(s.states[revision])), nil
}

func (s *store) LeaseIDs(context.Context) ([]int64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Collect(maps.Keys(s.leases)), nil
}

func (s *store) TTL(_ context.Context, lease int64) (time.Duration, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.leases[lease], nil
}

func (s *store) At(revision int64) archive.Source { return &moment{store: s, revision: revision} }

// Changes tells two revisions at a time.
func (s *store) Changes(ctx context.Context, after int64, tell func(News) error) error {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		s.mu.Lock()
		wake, head, compacted := s.wake, int64(len(s.states))-1, s.compacted
		var next []conclave.ImportedRevision
		if after < head {
			next = slices.Clone(s.changes[after+1 : min(after+3, head+1)])
		}
		s.mu.Unlock()
		if len(next) > 0 && after+1 < compacted {
			return &CompactedError{Asked: after + 1, First: compacted}
		}
		if err := tell(News{Revisions: next, Head: head}); err != nil {
			return err
		}
		if after += int64(len(next)); len(next) > 0 {
			continue
		}
		select {
		case <-wake:
		case <-tick.C:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// moment is the store at a revision.
type moment struct {
	store    *store
	revision int64
}

func (m *moment) Keys(_ context.Context, from []byte) ([]archive.Key, bool, error) {
	if m.store.reading != nil {
		m.store.reading()
	}
	m.store.mu.Lock()
	defer m.store.mu.Unlock()
	if m.revision < m.store.compacted {
		return nil, false, &CompactedError{Asked: m.revision, First: m.store.compacted}
	}
	var page []archive.Key
	for _, name := range slices.Sorted(maps.Keys(m.store.states[m.revision])) {
		if name < string(from) {
			continue
		}
		if len(page) == m.store.page {
			return page, true, nil
		}
		key := m.store.states[m.revision][name]
		if m.store.lie != nil {
			m.store.lie(&key)
		}
		page = append(page, key)
	}
	return page, false, nil
}

func (m *moment) Leases(_ context.Context, after int64) ([]archive.Lease, bool, error) {
	m.store.mu.Lock()
	defer m.store.mu.Unlock()
	var page []archive.Lease
	for _, id := range slices.Sorted(maps.Keys(m.store.leases)) {
		if after == 0 || id > after {
			page = append(page, archive.Lease{ID: id, TTL: m.store.leases[id]})
		}
	}
	return page[:min(2, len(page))], len(page) > 2, nil
}
