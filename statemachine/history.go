package statemachine

import (
	"errors"
	"fmt"

	"github.com/conclavehq/conclave/internal/keys"
	logv1 "github.com/conclavehq/conclave/proto/gen/conclave/log/v1"
	"github.com/conclavehq/conclave/statemachine/feed"
	"github.com/conclavehq/conclave/statemachine/mvcc"
	"github.com/conclavehq/conclave/statemachine/store"
)

// After so many events, or bytes in them, a part of the history is large enough
// for one go. The revision that passes the bound is still read whole. So is it
// after historyPassed times as many changes of other keys: who serves others,
// too, wants a turn.
const (
	defaultHistoryEvents = 1000
	historyBytes         = 1 << 20
	historyPassed        = 5
)

// Watch begins to watch keys, on this replica.
func (m *Machine) Watch(req feed.WatchRequest) (*feed.Watcher, error) {
	return m.feed.Watch(history{machine: m}, req)
}

// history reads changes from the machine's DB for watchers. Each part is read
// from a view of its own, so a slow watcher holds none.
type history struct {
	machine *Machine
}

var _ feed.History = history{}

// Head returns a namespace's revision.
func (h history) Head(namespace uint32) (int64, error) {
	view, revision, err := h.open(namespace)
	if err != nil {
		return 0, err
	}
	return revision, view.Close()
}

// Changes reads the next part of a namespace's history.
func (h history) Changes(req feed.WatchRequest, from int64) (feed.Changes, error) {
	view, head, err := h.open(req.Namespace)
	if err != nil {
		return feed.Changes{}, err
	}
	defer func() { _ = view.Close() }()

	part := feed.Changes{Through: head, Head: head}
	if from > head {
		return part, nil
	}
	size, passed, last := 0, 0, from
	// reach notes that the reading comes to a revision, and says if it goes on.
	reach := func(revision int64) bool {
		enough := len(part.Events) >= h.machine.historyEvents || size >= historyBytes ||
			passed >= historyPassed*h.machine.historyEvents
		if revision != last && enough {
			part.Through = last
			return false
		}
		last = revision
		return true
	}
	query := mvcc.Changes{
		From: from, To: head, Key: req.Key, RangeEnd: req.RangeEnd, Previous: req.PrevKV,
		Passed: func(revision int64) bool {
			passed++
			return reach(revision)
		},
	}
	refusal := mvcc.Read(view, keys.Namespace(req.Namespace)).History(query,
		func(revision int64, event *logv1.KVEvent) bool {
			if !reach(revision) {
				return false
			}
			part.Events = append(part.Events, event)
			size += len(event.GetKv().GetValue()) + len(event.GetPrevious().GetValue())
			return true
		})
	if err := view.Err(); err != nil {
		return feed.Changes{}, fmt.Errorf("statemachine: history: %w", err)
	}
	if refusal != nil {
		return feed.Changes{}, &feed.CompactedError{Revision: refusal.GetRevision()}
	}
	return part, nil
}

// open opens a view and returns the namespace's revision in it.
func (h history) open(namespace uint32) (*store.View, int64, error) {
	view, err := h.machine.view()
	if errors.Is(err, ErrClosed) {
		return nil, 0, feed.ErrClosed
	}
	if err != nil {
		return nil, 0, err
	}
	rec, _ := loadNamespace(view, keys.Namespace(namespace))
	if rec.GetDropped() {
		_ = view.Close()
		return nil, 0, feed.ErrNamespaceDropped
	}
	return view, rec.GetRevision(), nil
}
