package check

import (
	"math"
	"slices"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/conclavehq/conclave/test/faults/history"
)

// enough operations make a window that is worth a cut.
const enough = 100

// check goes through the history of the key window by window.
func (k *register) check() {
	for _, op := range k.sure {
		for o := range op.Input.(*touch).branch {
			read := &op.Input.(*touch).branch[o]
			if read.Type != history.Get || len(read.Found) == 0 {
				continue
			}
			value := read.Found[0].Value
			if at, ok := k.seen[value]; !ok || time.Duration(op.Return) < at {
				k.seen[value] = time.Duration(op.Return)
			}
		}
	}
	w := window{to: math.MaxInt64, ends: int64(k.last) + 1}
	var from int
	var latest int64 // the latest return before an operation
	for n := range k.sure {
		op := &k.sure[n]
		alone := latest < op.Call && (n+1 == len(k.sure) || k.sure[n+1].Call > op.Return)
		if alone && n-from >= enough && k.reads(op) {
			cut := w
			cut.ends, cut.to, cut.sure = op.Return, k.revision(op), k.sure[from:n+1]
			k.window(&cut)
			from = n + 1
			w.start, w.began, w.from = k.read(&op.Input.(*touch).branch[0]), op.Return, cut.to
		}
		latest = max(latest, op.Return)
	}
	w.sure = k.sure[from:]
	k.window(&w)
}

// window is a part of the history that begins with a known state.
type window struct {
	start       cell
	began, ends int64
	from, to    int64 // revisions: after the one, up to the other
	sure        []porcupine.Operation
}

// reads tells whether an operation does nothing but read the key.
func (k *register) reads(op *porcupine.Operation) bool {
	in := op.Input.(*touch)
	return len(in.branch) == 1 && len(in.ifs) == 0 && in.branch[0].Type == history.Get
}

func (k *register) window(w *window) {
	sure := w.sure
	if len(sure) == 0 {
		return
	}
	verdict := k.explain(w)
	proof := []int{sure[0].Input.(*touch).record, sure[len(sure)-1].Input.(*touch).record}
	switch verdict {
	case porcupine.Illegal:
		k.violation(proof, "%q is not linearizable from %v to %v (%d operations)", k.key, time.Duration(w.began), time.Duration(w.ends), len(sure))
	case porcupine.Unknown:
		k.undecided(proof, "%q from %v to %v: not decided in time (%d operations)", k.key, time.Duration(w.began), time.Duration(w.ends), len(sure))
	default:
		for n := range sure {
			k.checked(sure[n].Input.(*touch).record)
		}
	}
}

// explain looks for an order with as few operations of unknown outcome as it can, as
// each doubles the search: those that the log has here, then those that were seen here
// first, then with each other by itself, the newest first, then with all.
func (k *register) explain(w *window) porcupine.CheckResult {
	if k.ask(w.start, append(slices.Clip(w.sure), k.placed(w)...)) == porcupine.Ok {
		return porcupine.Ok
	}
	seen, hidden := k.unplaced(w)
	verdict := k.ask(w.start, seen)
	if verdict == porcupine.Ok || len(hidden) == 0 {
		return verdict
	}
	for n := len(hidden) - 1; n >= 0 && verdict == porcupine.Illegal; n-- {
		if verdict = k.ask(w.start, append(seen, hidden[n])); verdict == porcupine.Ok {
			return porcupine.Ok
		}
	}
	return k.ask(w.start, append(seen, hidden...))
}

// unplaced are the operations of a window without what the log tells: those that are
// known to have happened in it, and the others that may have.
func (k *register) unplaced(w *window) (seen, hidden []porcupine.Operation) {
	seen = append(seen, w.sure...)
	for _, op := range k.unsure {
		if op.Call >= w.ends {
			continue
		}
		op.Call, op.Return = max(op.Call, w.began), w.ends+1
		at, known := k.sawFirst(&op)
		switch {
		case !known:
			hidden = append(hidden, op)
		case int64(at) > w.began && int64(at) <= w.ends:
			seen = append(seen, op)
		}
	}
	return slices.Clip(seen), hidden
}

// sawFirst is when somebody first saw the value of a write of unknown outcome.
func (k *register) sawFirst(op *porcupine.Operation) (time.Duration, bool) {
	in := op.Input.(*touch)
	for o := range in.branch {
		if at, ok := k.seen[in.branch[o].Value]; ok && in.branch[o].Type == history.Put {
			return at, true
		}
	}
	return 0, false
}

func (k *register) ask(start cell, ops []porcupine.Operation) porcupine.CheckResult {
	return porcupine.CheckOperationsTimeout(porcupine.Model{
		Init: func() any { return start },
		Step: func(state, input, _ any) (bool, any) { return k.step(state.(cell), input.(*touch)) },
		Hash: func(state any) uint64 { return uint64(state.(cell).version) },
	}, ops, k.opt.Timeout)
}
