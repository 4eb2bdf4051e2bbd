package statemachine

import (
	"fmt"

	dbsm "github.com/lni/dragonboat/v4/statemachine"

	"github.com/conclavehq/conclave/internal/keys"
	logv1 "github.com/conclavehq/conclave/proto/gen/conclave/log/v1"
	storagev1 "github.com/conclavehq/conclave/proto/gen/conclave/storage/v1"
	"github.com/conclavehq/conclave/recipes"
	"github.com/conclavehq/conclave/statemachine/entry"
	"github.com/conclavehq/conclave/statemachine/feed"
	"github.com/conclavehq/conclave/statemachine/store"
)

// applier holds the part of the state that every entry needs, in memory, and
// what the running Update has gathered. It belongs to the apply goroutine.
type applier struct {
	db         *store.DB
	feed       *feed.Feed
	shard      *storagev1.ShardRecord
	namespaces map[keys.Namespace]*namespace

	// Since the last commit:
	batch    *store.Batch
	tx       tx // of the running command
	events   []*logv1.Event
	touched  []*namespace
	dropped  []keys.Namespace
	outcomes []outcome
	fresh    []logv1.Result // for the results of the running entry
	hash     bool
}

// namespace is the head of a namespace's history.
type namespace struct {
	id       keys.Namespace
	revision int64
	dropped  bool
	// known is false until the namespace has its record on disk.
	known bool
	// touched and changed are about the commit in the making: a command looked
	// at the namespace, and the record must be written.
	touched, changed bool
	// watched says whether somebody wanted changes of keys when the commit was
	// begun: if not, there are no events for them.
	watched bool
	// restarted says that a command of the commit in the making gave the namespace
	// another history.
	restarted bool
}

// outcome is what an entry's commands gave.
type outcome struct {
	batchID uint64
	results []*logv1.Result
}

// Update applies committed entries in one commit (promise S1); an entry that
// asks for a hash ends a commit of its own.
func (m *Machine) Update(entries []dbsm.Entry) ([]dbsm.Entry, error) {
	a := m.applier
	for i := range entries {
		if a.batch == nil {
			a.batch = a.db.NewBatch()
		}
		m.applyEntry(entries[i].Index, entries[i].Cmd)
		entries[i].Result = dbsm.Result{Value: entries[i].Index}
		if !a.hash && i < len(entries)-1 {
			continue
		}
		if err := m.commit(); err != nil {
			return nil, fmt.Errorf("statemachine: shard %d: %w", m.config.Shard, err)
		}
	}
	if m.ahead.due(a.shard.GetAppliedIndex()) {
		if err := a.db.BeginSync(); err != nil {
			return nil, fmt.Errorf("statemachine: shard %d: %w", m.config.Shard, err)
		}
	}
	return entries, nil
}

// applyEntry applies the commands of one log entry to the batch.
func (m *Machine) applyEntry(index uint64, data []byte) {
	a := m.applier
	if index <= a.shard.GetAppliedIndex() {
		panic(fmt.Sprintf("statemachine: shard %d: log entry %d comes again after entry %d",
			m.config.Shard, index, a.shard.GetAppliedIndex()))
	}
	e, err := entry.Decode(data)
	if err != nil {
		panic(fmt.Sprintf("statemachine: shard %d: log entry %d cannot be applied: %v", m.config.Shard, index, err))
	}
	a.shard.AppliedIndex = index

	results := make([]*logv1.Result, len(e.Commands))
	a.fresh = make([]logv1.Result, len(e.Commands))
	refusal := a.admit(e)
	for i, command := range e.Commands {
		if refusal != nil {
			results[i] = &logv1.Result{Refusal: refusal}
		} else {
			results[i] = a.command(e.Header, command)
		}
		if results[i].GetIndex() == 0 {
			results[i].Index = index
		}
	}
	a.outcomes = append(a.outcomes, outcome{batchID: e.Header.GetBatchId(), results: results})
}

// command applies one command and returns its result.
func (a *applier) command(header *logv1.Header, command *logv1.Command) *logv1.Result {
	ns := a.touch(keys.Namespace(command.GetNamespaceId()))
	t := a.tx.begin(a.batch, ns, recipes.Clock(a.shard.GetClockMs()), header.GetWallMs())
	result, own := a.replicaCommand(t, command)
	switch {
	case own:
	case ns.dropped:
		return &logv1.Result{Refusal: notFound(ns.id)}
	default:
		before := a.batch.Mark()
		fresh := &a.fresh[0]
		a.fresh, fresh.Index = a.fresh[1:], a.shard.GetAppliedIndex()
		result = deduplicated(t, command, fresh)
		if a.batch.Mark() != before && !ns.known {
			ns.changed = true
		}
	}
	if t.revision != ns.revision {
		ns.changed = true
	}
	a.events = append(a.events, t.finish()...)
	return result
}

// deduplicated answers a command that was applied before with its first
// answer, and applies others (promise D5). fresh is for the answer of the latter.
func deduplicated(t *tx, command *logv1.Command, fresh *logv1.Result) *logv1.Result {
	return recipes.Once(t, command, func() *logv1.Result {
		result := fresh
		mark := t.Mark()
		if result.Refusal = apply(t, command, result); result.Refusal != nil {
			t.Rollback(mark)
		}
		result.Revision = int64(t.Revision())
		return result
	})
}

// touch returns a namespace and notes that the commit concerns it.
func (a *applier) touch(id keys.Namespace) *namespace {
	ns := a.namespaces[id]
	if ns == nil {
		ns = &namespace{id: id, revision: firstRevision}
		a.namespaces[id] = ns
	}
	if !ns.touched {
		ns.touched = true
		ns.watched = a.feed.WantsKeys(uint32(id))
		a.touched = append(a.touched, ns)
	}
	return ns
}
