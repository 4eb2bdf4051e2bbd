package statemachine

import (
	"fmt"
	"io"
	"runtime"
	"slices"
	"sync"

	dbsm "github.com/lni/dragonboat/v4/statemachine"

	"github.com/conclavehq/conclave/internal/keys"
	"github.com/conclavehq/conclave/internal/planted"
	storagev1 "github.com/conclavehq/conclave/proto/gen/conclave/storage/v1"
	"github.com/conclavehq/conclave/statemachine/snapshot"
	"github.com/conclavehq/conclave/statemachine/store"
)

// prepared is the state that a snapshot is made of.
type prepared struct {
	view *store.View
}

// preparedViews are the views of snapshots that were prepared and not saved
// yet. Dragonboat may drop a prepared snapshot without saving it; its view is
// then given back when the garbage collector finds that out, or when the
// machine closes.
type preparedViews struct {
	mu    sync.Mutex
	views []*store.View
}

func (p *preparedViews) add(view *store.View) *prepared {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.views = append(p.views, view)
	token := &prepared{view: view}
	runtime.AddCleanup(token, p.close, view)
	return token
}

func (p *preparedViews) close(view *store.View) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.views = slices.DeleteFunc(p.views, func(v *store.View) bool { return v == view })
	_ = view.Close()
}

func (p *preparedViews) closeAll() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, view := range p.views {
		_ = view.Close()
	}
	p.views = nil
}

// PrepareSnapshot fixes the state that SaveSnapshot writes.
func (m *Machine) PrepareSnapshot() (any, error) {
	view, err := m.view()
	if err != nil {
		return nil, err
	}
	return m.prepared.add(view), nil
}

// SaveSnapshot writes a prepared snapshot, beside Update. It ends early when
// stop is closed.
func (m *Machine) SaveSnapshot(token any, out io.Writer, stop <-chan struct{}) error {
	p := token.(*prepared)
	defer m.prepared.close(p.view)

	stoppable := snapshot.Stoppable(out, stop, dbsm.ErrSnapshotStopped)
	w, err := snapshot.NewWriter(stoppable, &storagev1.SnapshotHeader{
		ShardId: m.config.Shard, AppliedIndex: loadShard(p.view).GetAppliedIndex(),
	})
	if err != nil {
		return err
	}
	p.view.ScanAll(func(key, value []byte) bool {
		if planted.Bug == planted.SnapshotWithoutLeases {
			// mutant_17 (state beside the store that a snapshot forgets): a replica
			// that caught up by snapshot knows no lease, and ends none when it leads.
			if table := keys.TableOf(key); table == keys.Lease || table == keys.LeaseDeadline {
				return true
			}
		}
		err = w.Add(key, value)
		return err == nil
	})
	if err != nil {
		return err
	}
	if err := p.view.Err(); err != nil {
		return fmt.Errorf("statemachine: shard %d: snapshot: %w", m.config.Shard, err)
	}
	return w.Finish()
}
