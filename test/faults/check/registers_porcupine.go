package check

import (
	"cmp"
	"slices"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/conclavehq/conclave/test/faults/history"
)

// checkRegisters proves, by porcupine and without a look at any revision, that each
// key by itself is linearizable: value and version, of single operations and of the
// part that transactions and ranges have in it. It is the second opinion beside
// linear, which trusts the revisions. It does not prove anything across keys, of
// reads of the past or of local reads. A key that has a lease is left out: it may go
// at any time by itself.
//
// A long history is cut where one read stands alone between everything before and
// everything after it, and what it read is where the next window begins. Of the writes
// of unknown outcome, those that the log has in a window take part in it, where it has
// them: that is a hint where to look for an order, which porcupine proves or not. Only
// when a window cannot be explained so, it is tried without the log: with those whose
// value somebody saw first in this window, and then with the unseen ones too, which may
// happen or not in any window; once too often in two windows goes unnoticed here, but
// not by linear.
func checkRegisters(b *book, t *tally) {
	for _, s := range b.spaces {
		keys, told := s.keyed(b), b.tellings(s)
		for _, key := range keys.order {
			k := &register{book: b, tally: t, key: key, told: told}
			k.collect(keys.records[key])
			k.place()
			if !k.leased {
				k.check()
			}
		}
	}
}

// keyed are the transactions of each key of a namespace.
type keyed struct {
	order   []string
	records map[string][]int
}

func (s *space) keyed(b *book) keyed {
	k := keyed{records: make(map[string][]int)}
	each := func(visit func(i int, op *history.Op)) {
		for _, list := range [][]int{s.txns, s.unsure} {
			for _, i := range list {
				r := &b.records[i]
				if r.At > 0 || r.Serializable {
					continue
				}
				for _, ops := range [][]history.Op{r.If, r.Then, r.Else} {
					for o := range ops {
						visit(i, &ops[o])
					}
				}
			}
		}
	}
	add := func(key string, i int) {
		if list, ok := k.records[key]; !ok || len(list) == 0 || list[len(list)-1] != i {
			k.records[key] = append(list, i)
		}
	}
	each(func(_ int, op *history.Op) {
		if op.Type == history.Put {
			if _, ok := k.records[op.Key]; !ok {
				k.records[op.Key] = nil
				k.order = append(k.order, op.Key)
			}
		}
	})
	slices.Sort(k.order)
	each(func(i int, op *history.Op) {
		if op.End == "" {
			add(op.Key, i)
			return
		}
		from, _ := slices.BinarySearch(k.order, op.Key)
		for _, key := range k.order[from:] {
			if !within(key, op.Key, op.End) {
				break
			}
			add(key, i)
		}
	})
	return k
}

// cell is a key's state in the model.
type cell struct {
	value   string
	version int64 // 0: not there
}

// touch is the part that a record has in one key.
type touch struct {
	record int
	branch []history.Op
	ifs    []history.Op
	told   bool // answered

	// Of an operation of unknown outcome:
	telling          // where the log has it; zero: nowhere
	deletesOnly bool // its transaction puts nothing
}

// register checks one key.
type register struct {
	*book
	*tally
	key    string
	leased bool

	sure   []porcupine.Operation
	unsure []porcupine.Operation
	seen   map[string]time.Duration // the first call that saw a value
	told   tellings
}

func (k *register) collect(records []int) {
	k.seen = make(map[string]time.Duration)
	for _, i := range records {
		r := &k.book.records[i]
		branch, other := body(r)
		if r.Outcome == history.Unknown {
			branch, other = r.Then, r.Else
		}
		touched := touch{record: i, branch: k.mine(branch), told: r.Outcome == history.OK}
		if len(r.If) > 0 && touched.told && r.Succeeded {
			touched.ifs = k.mine(r.If)
		}
		op := porcupine.Operation{Input: &touched, Call: int64(r.Call), Return: int64(r.Return)}
		if touched.told {
			if len(touched.branch)+len(touched.ifs) > 0 {
				k.sure = append(k.sure, op)
			}
			continue
		}
		op.Return = int64(k.last) + 1
		for _, ops := range [][]history.Op{branch, other} {
			if mine := k.mine(ops); slices.ContainsFunc(mine, writes) {
				op.Input = &touch{record: i, branch: mine, telling: k.told.put(ops), deletesOnly: !slices.ContainsFunc(ops, puts)}
				k.unsure = append(k.unsure, op)
			}
		}
	}
	for _, ops := range [][]porcupine.Operation{k.sure, k.unsure} {
		slices.SortFunc(ops, func(x, y porcupine.Operation) int { return cmp.Compare(x.Call, y.Call) })
	}
}

func puts(op history.Op) bool { return op.Type == history.Put }

func writes(op history.Op) bool { return puts(op) || op.Type == history.Delete }

// mine are the operations that concern the key, and what was seen of it is noted.
func (k *register) mine(ops []history.Op) []history.Op {
	var mine []history.Op
	for o := range ops {
		op := ops[o]
		if !within(k.key, op.Key, op.End) {
			continue
		}
		k.leased = k.leased || op.Lease != 0
		found := op.Found
		op.Found = nil
		for f := range found {
			if found[f].Key == k.key {
				op.Found = found[f : f+1]
			}
		}
		mine = append(mine, op)
	}
	return mine
}

// step is the model: what a touch makes of a cell, and whether it can be.
func (k *register) step(state cell, in *touch) (bool, cell) {
	for o := range in.ifs {
		c := &in.ifs[o]
		if c.Type == history.IfValue && (state.version == 0 || state.value != c.Value) ||
			c.Type == history.IfVersion && state.version != c.Number ||
			c.Type == history.IfModRevision && (c.Number == 0) != (state.version == 0) {
			return false, state
		}
	}
	for o := range in.branch {
		op := &in.branch[o]
		switch op.Type {
		case history.Put:
			state = cell{op.Value, state.version + 1}
		case history.Delete:
			if in.told && op.End == "" && (op.Deleted > 0) != (state.version > 0) {
				return false, state
			}
			state = cell{}
		case history.Get:
			if !in.told {
				continue
			}
			if state != k.read(op) {
				return false, state
			}
		}
	}
	return true, state
}

func (k *register) read(op *history.Op) cell {
	if len(op.Found) == 0 {
		return cell{}
	}
	return cell{op.Found[0].Value, op.Found[0].Version}
}
