package check

import (
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/conclavehq/conclave/test/faults/history"
)

// tellings is what the log of a namespace tells of writes of unknown outcome.
type tellings struct {
	puts    map[string]telling   // by value
	deletes map[string][]telling // by key, in order; without those that were acknowledged
}

// telling is where the log has a write, and when it told so first.
type telling struct {
	revision int64
	at       time.Duration
}

func (b *book) tellings(s *space) tellings {
	told := tellings{puts: make(map[string]telling), deletes: make(map[string][]telling)}
	log := b.chronicle(s)
	if log == nil {
		return told
	}
	acknowledged := make(map[int64]bool)
	for _, i := range s.txns {
		if r := &b.records[i]; r.Outcome == history.OK && wrote(r) {
			acknowledged[r.Revision] = true
		}
	}
	for e := range log.entries {
		entry := &log.entries[e]
		if acknowledged[entry.revision] {
			continue
		}
		here := telling{revision: entry.revision, at: b.records[entry.record].Return}
		for i := range entry.events {
			if event := &entry.events[i]; event.Delete {
				told.deletes[event.KV.Key] = append(told.deletes[event.KV.Key], here)
			} else {
				told.puts[event.KV.Value] = here
			}
		}
	}
	return told
}

// put is where the log has a branch of a transaction that puts anything, whatever key.
// Zero when it puts nothing, or the log does not have it.
func (t *tellings) put(branch []history.Op) telling {
	for o := range branch {
		if branch[o].Type == history.Put {
			return t.puts[branch[o].Value]
		}
	}
	return telling{}
}

// place finds the operations that may have done what the log tells of deletions of the
// key, the earliest call first: like this there is one for each, if there can be. Those
// that put something are where the log has their values.
func (k *register) place() {
	taken := make(map[int64]bool)
	for n := range k.unsure {
		taken[k.unsure[n].Input.(*touch).revision] = true
	}
	for _, here := range k.told.deletes[k.key] {
		if taken[here.revision] {
			continue
		}
		for n := range k.unsure {
			in := k.unsure[n].Input.(*touch)
			if in.deletesOnly && in.revision == 0 && k.unsure[n].Call <= int64(here.at) {
				in.telling = here
				break
			}
		}
	}
}

// placed are the operations of unknown outcome that the log has in a window, each between
// the calls that it lies between in the log.
func (k *register) placed(w *window) (placed []porcupine.Operation) {
	for _, op := range k.unsure {
		in := op.Input.(*touch)
		if in.revision <= w.from || in.revision > w.to {
			continue
		}
		op.Call, op.Return = max(op.Call, w.began), min(max(int64(in.at), w.began), w.ends)
		call, ret := op.Call, op.Return
		for n := range w.sure {
			if k.revision(&w.sure[n]) < in.revision {
				call = max(call, w.sure[n].Call)
			} else {
				ret = min(ret, w.sure[n].Return)
			}
		}
		if call <= ret {
			op.Call, op.Return = call, ret
		}
		placed = append(placed, op)
	}
	return placed
}

// revision is what the record of an operation was answered with.
func (k *register) revision(op *porcupine.Operation) int64 {
	return k.book.records[op.Input.(*touch).record].Revision
}
