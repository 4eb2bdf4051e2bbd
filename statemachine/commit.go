package statemachine

import (
	"github.com/conclavehq/conclave/internal/planted"
	storagev1 "github.com/conclavehq/conclave/proto/gen/conclave/storage/v1"
	"github.com/conclavehq/conclave/recipes"
	"github.com/conclavehq/conclave/statemachine/feed"
)

// commit writes the batch and tells everybody who waits for it.
func (m *Machine) commit() error {
	a := m.applier
	if planted.Bug == planted.AppliedIndexApart {
		if err := commitApart(a); err != nil {
			return err
		}
	}
	a.saveHeads()
	dues := a.nextDues()
	if err := a.batch.Commit(); err != nil {
		return err
	}

	progress := make([]feed.Progress, len(a.touched))
	for i, ns := range a.touched {
		progress[i] = feed.Progress{Namespace: uint32(ns.id), Revision: ns.revision, KeysUntold: !ns.watched || ns.restarted}
		m.due.set(uint32(ns.id), dues[i].at, dues[i].found)
	}
	m.feed.Publish(a.events, progress, a.shard.GetAppliedIndex())
	for _, ns := range a.dropped {
		m.feed.ResetNamespace(uint32(ns))
	}
	m.progress.advance(a.shard)
	if m.config.Results != nil {
		for _, o := range a.outcomes {
			m.config.Results(o.batchID, o.results)
		}
	}
	if a.hash {
		m.startHash(a.shard.GetAppliedIndex())
	}
	a.reset()
	return nil
}

// saveHeads puts the shard's and the changed namespaces' records into the
// batch.
func (a *applier) saveHeads() {
	a.batch.Set(shardKey, mustEncode(a.shard))
	for _, ns := range a.touched {
		if ns.changed {
			a.batch.Set(namespaceKey(ns.id), mustEncode(&storagev1.NamespaceRecord{
				Revision: ns.revision, Dropped: ns.dropped,
			}))
			ns.known, ns.changed = true, false
		}
	}
}

// firstDue is when the first timer of a namespace is due.
type firstDue struct {
	at    int64
	found bool
}

// nextDues looks the touched namespaces' first timers up, in their order.
func (a *applier) nextDues() []firstDue {
	dues := make([]firstDue, len(a.touched))
	for i, ns := range a.touched {
		at, found := recipes.NextDue(a.tx.begin(a.batch, ns, recipes.Clock(a.shard.GetClockMs()), 0))
		dues[i] = firstDue{at: int64(at), found: found}
	}
	return dues
}

// reset begins the next commit. The slices are not used again, because others
// hold the events and results.
func (a *applier) reset() {
	for _, ns := range a.touched {
		ns.touched, ns.restarted = false, false
	}
	a.touched = a.touched[:0]
	a.batch, a.events, a.dropped, a.outcomes, a.fresh, a.hash = nil, nil, nil, nil, nil, false
}

// commitApart is mutant_02, as etcd 3.5.0 to 3.5.2 had it (#13766 and the
// postmortem of v3.5): what the entries changed and the index up to which they are
// applied are two commits, and a crash between them applies the last ones twice.
// Now and then the disk is made to see the first without the second.
func commitApart(a *applier) error {
	index := a.shard.GetAppliedIndex()
	a.shard.AppliedIndex = loadShard(a.batch).GetAppliedIndex()
	a.saveHeads()
	a.shard.AppliedIndex = index
	if err := a.batch.Commit(); err != nil {
		return err
	}
	a.batch = a.db.NewBatch()
	if index%64 != 0 {
		return nil
	}
	return a.db.BeginSync()
}
