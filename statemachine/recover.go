package statemachine

import (
	"errors"
	"fmt"
	"io"
	"os"

	dbsm "github.com/lni/dragonboat/v4/statemachine"

	storagev1 "github.com/conclavehq/conclave/proto/gen/conclave/storage/v1"
	"github.com/conclavehq/conclave/statemachine/snapshot"
	"github.com/conclavehq/conclave/statemachine/store"
)

// RecoverFromSnapshot replaces the state by a snapshot's. The new state is
// built aside; until CURRENT points to it, a crash leaves the old one in use.
func (m *Machine) RecoverFromSnapshot(in io.Reader, stop <-chan struct{}) error {
	next := m.number + 1
	if err := m.rebuild(in, next, stop); err != nil {
		// Dragonboat compares this one by identity.
		if errors.Is(err, dbsm.ErrSnapshotStopped) {
			return dbsm.ErrSnapshotStopped
		}
		return fmt.Errorf("statemachine: shard %d: recover: %w", m.config.Shard, err)
	}
	return nil
}

// rebuild builds, checks and installs the DB of the given number.
func (m *Machine) rebuild(in io.Reader, number uint64, stop <-chan struct{}) error {
	path := m.dir.db(number)
	if err := os.RemoveAll(path); err != nil {
		return err
	}
	header, err := m.build(in, path, stop)
	if err != nil {
		return errors.Join(err, os.RemoveAll(path))
	}
	db, err := store.Open(path, m.config.Store)
	if err != nil {
		return errors.Join(err, os.RemoveAll(path))
	}
	a, err := newApplier(db)
	if err == nil && a.shard.GetAppliedIndex() != header.GetAppliedIndex() {
		err = fmt.Errorf("%w: its header says index %d and its records say %d",
			snapshot.ErrDamaged, header.GetAppliedIndex(), a.shard.GetAppliedIndex())
	}
	if err == nil {
		err = m.dir.point(number)
	}
	if err != nil {
		return errors.Join(err, db.Close(), os.RemoveAll(path))
	}

	oldPath := m.dir.db(m.number)
	m.number = number
	m.retire(m.install(a), oldPath)
	return nil
}

// build writes a snapshot's records into a new DB and makes it durable.
func (m *Machine) build(in io.Reader, path string, stop <-chan struct{}) (*storagev1.SnapshotHeader, error) {
	r, err := snapshot.NewReader(in)
	if err != nil {
		return nil, err
	}
	if shard := r.Header().GetShardId(); shard != m.config.Shard {
		return nil, fmt.Errorf("the snapshot is of shard %d", shard)
	}
	builder, err := store.NewBuilder(path, m.config.Store)
	if err != nil {
		return nil, err
	}
	if err := copyRecords(r, builder, stop); err != nil {
		return nil, errors.Join(err, builder.Abort())
	}
	return r.Header(), builder.Finish()
}

func copyRecords(r *snapshot.Reader, builder *store.Builder, stop <-chan struct{}) error {
	for {
		select {
		case <-stop:
			return dbsm.ErrSnapshotStopped
		default:
		}
		key, value, err := r.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if err := builder.Add(key, value); err != nil {
			return err
		}
	}
}

// retire closes a replaced DB when its readers are done, and deletes it.
func (m *Machine) retire(old *store.DB, path string) {
	m.prepared.closeAll()
	m.retired.Add(1)
	go func() {
		defer m.retired.Done()
		if err := errors.Join(old.Abandon(), os.RemoveAll(path)); err != nil {
			m.config.Log.Warn().Err(err).Uint64("shard", m.config.Shard).Msg("a replaced state is left behind")
		}
	}()
}
