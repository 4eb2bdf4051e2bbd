package check

import (
	"slices"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/conclavehq/conclave/test/faults/history"
)

// logged are the operations that the log of the namespace tells of, at a moment or
// later: they happened, and before it told so.
func (k *register) logged(from int64, hidden []porcupine.Operation) (logged []porcupine.Operation) {
	for _, op := range hidden {
		at, ok := k.when(k.told.puts, &op)
		if !ok {
			at, ok = k.deleted(&op)
		}
		if ok && int64(at) >= from {
			op.Return = max(op.Call, int64(at))
			logged = append(logged, op)
		}
	}
	return logged
}

// deleted is when the log told of a deletion of the key that an operation of unknown
// outcome may have done.
func (k *register) deleted(op *porcupine.Operation) (time.Duration, bool) {
	deletes := func(o history.Op) bool { return o.Type == history.Delete }
	if !slices.ContainsFunc(op.Input.(*touch).branch, deletes) {
		return 0, false
	}
	times := k.told.deletes[k.key]
	n, _ := slices.BinarySearch(times, time.Duration(op.Call))
	if n == len(times) {
		return 0, false
	}
	return times[n], true
}

// tellings is when the log of a namespace told of things first.
type tellings struct {
	puts    map[string]time.Duration   // by value
	deletes map[string][]time.Duration // by key, in order; without those that were acknowledged
}

func (b *book) tellings(s *space) tellings {
	told := tellings{puts: make(map[string]time.Duration), deletes: make(map[string][]time.Duration)}
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
		at := b.records[log.entries[e].record].Return
		for i := range log.entries[e].events {
			switch event := &log.entries[e].events[i]; {
			case !event.Delete:
				told.puts[event.KV.Value] = at
			case !acknowledged[log.entries[e].revision]:
				told.deletes[event.KV.Key] = append(told.deletes[event.KV.Key], at)
			}
		}
	}
	for _, times := range told.deletes {
		slices.Sort(times)
	}
	return told
}
