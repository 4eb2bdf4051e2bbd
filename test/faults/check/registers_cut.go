package check

import (
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
	var start cell
	var from int
	var began, latest int64 // the latest return before an operation
	for n := range k.sure {
		op := &k.sure[n]
		alone := latest < op.Call && (n+1 == len(k.sure) || k.sure[n+1].Call > op.Return)
		if alone && n-from >= enough && k.reads(op) {
			k.window(start, began, op.Return, k.sure[from:n+1])
			start, from, began = k.read(&op.Input.(*touch).branch[0]), n+1, op.Return
		}
		latest = max(latest, op.Return)
	}
	k.window(start, began, int64(k.last)+1, k.sure[from:])
}

// reads tells whether an operation does nothing but read the key.
func (k *register) reads(op *porcupine.Operation) bool {
	in := op.Input.(*touch)
	return len(in.branch) == 1 && len(in.ifs) == 0 && in.branch[0].Type == history.Get
}

// window checks a part of the history that begins with a known state.
func (k *register) window(start cell, began, ends int64, sure []porcupine.Operation) {
	if len(sure) == 0 {
		return
	}
	seen := append([]porcupine.Operation(nil), sure...)
	var hidden []porcupine.Operation
	for _, op := range k.unsure {
		if op.Call >= ends {
			continue
		}
		op.Call, op.Return = max(op.Call, began), ends+1
		at, known := k.when(k.seen, &op)
		switch {
		case !known:
			hidden = append(hidden, op)
		case int64(at) > began && int64(at) <= ends: // first seen in this window
			seen = append(seen, op)
		}
	}
	verdict := k.explain(start, began, seen, hidden)
	proof := []int{sure[0].Input.(*touch).record, sure[len(sure)-1].Input.(*touch).record}
	switch verdict {
	case porcupine.Illegal:
		k.violation(proof, "%q is not linearizable from %v to %v (%d operations)", k.key, time.Duration(began), time.Duration(ends), len(sure))
	case porcupine.Unknown:
		k.undecided(proof, "%q from %v to %v: not decided in time (%d operations)", k.key, time.Duration(began), time.Duration(ends), len(sure))
	default:
		for n := range sure {
			k.checked(sure[n].Input.(*touch).record)
		}
	}
}

// explain looks for an order with as few of the hidden operations as it can, as each
// doubles the search: none, then each by itself, the newest first, then those that the
// log tells of, then all.
func (k *register) explain(start cell, began int64, seen, hidden []porcupine.Operation) porcupine.CheckResult {
	verdict := k.ask(start, seen)
	if verdict != porcupine.Illegal || len(hidden) == 0 {
		return verdict
	}
	seen = slices.Clip(seen)
	for n := len(hidden) - 1; n >= 0; n-- {
		if k.ask(start, append(seen, hidden[n])) == porcupine.Ok {
			return porcupine.Ok
		}
	}
	if k.ask(start, append(seen, k.logged(began, hidden)...)) == porcupine.Ok {
		return porcupine.Ok
	}
	return k.ask(start, append(seen, hidden...))
}

// when is the moment that a map has for a value of a write of unknown outcome.
func (k *register) when(moments map[string]time.Duration, op *porcupine.Operation) (time.Duration, bool) {
	in := op.Input.(*touch)
	for o := range in.branch {
		if at, ok := moments[in.branch[o].Value]; ok && in.branch[o].Type == history.Put {
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
