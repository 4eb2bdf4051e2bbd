package statemachine

import (
	"encoding/binary"
	"fmt"
	"slices"
	"sync"

	"github.com/cespare/xxhash/v2"

	"github.com/conclavehq/conclave/statemachine/store"
)

// hashesKept is how many of the last hashes can be asked for.
const hashesKept = 8

// hashes are the hashes of the state at the indexes of ComputeHash commands.
// Each is computed by a goroutine of its own beside Update.
type hashes struct {
	// stop is closed when the machine closes.
	stop    chan struct{}
	running sync.WaitGroup

	mu   sync.Mutex
	last []indexedHash
}

type indexedHash struct {
	index uint64
	hash  string
}

// Hash returns the replica's hash at the index of a ComputeHash command; false
// when it is not computed yet or not kept any more. Replicas of one shard that
// are equal have equal hashes.
func (m *Machine) Hash(index uint64) (string, bool) {
	m.hashes.mu.Lock()
	defer m.hashes.mu.Unlock()
	for _, h := range m.hashes.last {
		if h.index == index {
			return h.hash, true
		}
	}
	return "", false
}

// startHash begins to hash the state as it is after the last commit.
func (m *Machine) startHash(index uint64) {
	view, err := m.view()
	if err != nil {
		return // the machine is being closed
	}
	m.hashes.running.Add(1)
	go func() {
		defer m.hashes.running.Done()
		hash, ok := hashView(view, m.hashes.stop)
		_ = view.Close()
		if !ok {
			return
		}
		m.hashes.mu.Lock()
		defer m.hashes.mu.Unlock()
		m.hashes.last = append(m.hashes.last, indexedHash{index: index, hash: hash})
		slices.SortFunc(m.hashes.last, func(a, b indexedHash) int { return int(int64(a.index - b.index)) })
		if extra := len(m.hashes.last) - hashesKept; extra > 0 {
			m.hashes.last = slices.Delete(m.hashes.last, 0, extra)
		}
	}()
}

// close stops running hashes and waits for them.
func (h *hashes) close() {
	close(h.stop)
	h.running.Wait()
}

// hashView hashes every record; ok is false when it was stopped or a read
// failed.
func hashView(view *store.View, stop <-chan struct{}) (hash string, ok bool) {
	digest := xxhash.New()
	var sums [16]byte
	stopped := false
	view.ScanAll(func(key, value []byte) bool {
		select {
		case <-stop:
			stopped = true
			return false
		default:
		}
		binary.BigEndian.PutUint64(sums[:8], xxhash.Sum64(key))
		binary.BigEndian.PutUint64(sums[8:], fold(value, foldDepth))
		_, _ = digest.Write(sums[:])
		return true
	})
	if stopped || view.Err() != nil {
		return "", false
	}
	return fmt.Sprintf("%016x", digest.Sum64()), true
}
