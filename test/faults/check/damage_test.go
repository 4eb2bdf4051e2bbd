package check

import (
	"slices"
	"testing"
	"time"

	"github.com/conclavehq/conclave/test/faults/history"
)

// damage makes a sound history wrong in one way, which one checker must find.
type damage struct {
	name    string
	checker string
	do      func(h *hurt)
}

// hurt is a history that is being damaged.
type hurt struct {
	t       *testing.T
	records []history.Record
}

// find returns the middle one of the records that fit, so that there is some
// history before and after it.
func (h *hurt) find(fits func(r *history.Record) bool) (int, *history.Record) {
	h.t.Helper()
	var all []int
	for i := range h.records {
		if fits(&h.records[i]) {
			all = append(all, i)
		}
	}
	if len(all) == 0 {
		h.t.Fatal("no record fits this damage")
	}
	i := all[len(all)/2]
	return i, &h.records[i]
}

// after finds the first record after another that fits.
func (h *hurt) after(i int, fits func(r *history.Record) bool) (int, *history.Record) {
	h.t.Helper()
	for i++; i < len(h.records); i++ {
		if fits(&h.records[i]) {
			return i, &h.records[i]
		}
	}
	h.t.Fatal("no later record fits this damage")
	return 0, nil
}

func (h *hurt) drop(i int) { h.records = slices.Delete(h.records, i, i+1) }

func (h *hurt) insert(i int, r ...history.Record) { h.records = slices.Insert(h.records, i, r...) }

// truth tells which watcher keeps the log of a namespace.
func (h *hurt) truth(space string) int32 {
	_, r := h.find(func(r *history.Record) bool { return r.Truth && r.Namespace == space })
	return r.Watcher
}

// logged finds an event of the log of a namespace.
func (h *hurt) logged(space string, fits func(e history.Event) bool) (int, *history.Record) {
	id := h.truth(space)
	return h.find(func(r *history.Record) bool {
		return r.Kind == history.WatchEvent && r.Watcher == id && len(r.Events) == 1 && fits(r.Events[0])
	})
}

// seen finds a record of an ordinary watcher that told more later.
func (h *hurt) seen(fits func(opened, r *history.Record) bool) (int, *history.Record) {
	opened := make(map[int32]*history.Record)
	more := make(map[int32]int)
	for i := range h.records {
		switch r := &h.records[i]; r.Kind {
		case history.WatchOpened:
			opened[r.Watcher] = r
		case history.WatchEvent:
			more[r.Watcher] = i
		}
	}
	at := make(map[*history.Record]int)
	for i := range h.records {
		at[&h.records[i]] = i
	}
	return h.find(func(r *history.Record) bool {
		return r.Kind == history.WatchEvent && !opened[r.Watcher].Truth && at[r] < more[r.Watcher] && fits(opened[r.Watcher], r)
	})
}

// copied copies all that a damage may change.
func copied(records []history.Record) []history.Record {
	records = slices.Clone(records)
	for i := range records {
		r := &records[i]
		r.Events, r.Micro = slices.Clone(r.Events), slices.Clone(r.Micro)
		for _, ops := range []*[]history.Op{&r.If, &r.Then, &r.Else} {
			*ops = slices.Clone(*ops)
			for o := range *ops {
				(*ops)[o].Found = slices.Clone((*ops)[o].Found)
			}
		}
	}
	return records
}

func TestDamage(t *testing.T) {
	damages := slices.Concat(linearDamages, watchDamages, recipeDamages, cycleDamages, refusalDamages, excusedDamages)
	t.Logf("%d damages", len(damages))
	whole := sound(3)
	for _, d := range damages {
		t.Run(d.checker+"/"+d.name, func(t *testing.T) {
			h := &hurt{t: t, records: copied(whole)}
			d.do(h)
			slices.SortStableFunc(h.records, func(a, b history.Record) int { return int(a.Return - b.Return) })
			report := Run(h.records, Options{Timeout: 10 * time.Second})
			var found []string
			for _, r := range report.Results {
				if r.Checker == d.checker && len(r.Violations) > 0 {
					return
				}
				for _, v := range r.Violations {
					found = append(found, r.Checker+": "+v.What)
				}
			}
			t.Errorf("not found by %s; others said %q", d.checker, found)
		})
	}
}

func anyPut(r *history.Record) bool {
	return r.Workload == history.Registers && r.Kind == history.Txn && r.Outcome == history.OK &&
		len(r.If) == 0 && len(r.Then) == 1 && r.Then[0].Type == history.Put
}

func anyGet(r *history.Record) bool {
	return r.Kind == history.Txn && r.Outcome == history.OK && len(r.If) == 0 && r.At == 0 && !r.Serializable &&
		len(r.Then) == 1 && r.Then[0].Type == history.Get && len(r.Then[0].Found) > 0
}

func isPut(e history.Event) bool    { return !e.Delete }
func isDelete(e history.Event) bool { return e.Delete }

var linearDamages = []damage{
	{"an acknowledged write is not in the log", "linear", func(h *hurt) {
		i, _ := h.logged("default", isPut)
		h.drop(i)
	}},
	{"a write was answered with another revision", "linear", func(h *hurt) {
		_, r := h.find(anyPut)
		r.Revision++
	}},
	{"a value in the log that nobody wrote", "linear", func(h *hurt) {
		_, r := h.logged("keys", isPut)
		r.Events[0].KV.Value = "nobody's"
	}},
	{"a deletion that nobody asked for", "linear", func(h *hurt) {
		_, put := h.logged("default", isPut)
		r := *put
		r.Revision = 1_000_000
		r.Events = []history.Event{{Delete: true, KV: history.KV{Key: put.Events[0].KV.Key}}}
		h.insert(len(h.records), r)
	}},
	{"a refused write took effect", "linear", func(h *hurt) {
		_, r := h.find(anyPut)
		r.Outcome, r.Revision = history.Refused, 0
	}},
	{"a write of unknown outcome happened twice", "linear", func(h *hurt) {
		_, r := h.find(func(r *history.Record) bool { return anyPut(r) && r.Namespace == "keys" })
		_, again := h.logged("keys", func(e history.Event) bool { return isPut(e) && e.KV.Modified > r.Revision })
		for i := range h.records {
			if w := &h.records[i]; w.Kind == history.Txn && w.Outcome == history.OK && w.Revision == again.Revision && w.Namespace == r.Namespace {
				w.Outcome, w.Revision = history.Unknown, 0
			}
		}
		again.Events[0].KV.Value = r.Then[0].Value
	}},
	{"a read of an old value", "linear", func(h *hurt) {
		i, r := h.find(anyGet)
		_, later := h.after(i+500, func(r *history.Record) bool { return anyGet(r) && r.Namespace == h.records[i].Namespace })
		later.Revision, later.Then = r.Revision, r.Then
	}},
	{"a read with a wrong value", "linear", func(h *hurt) {
		_, r := h.find(anyGet)
		r.Then[0].Found[0].Value = "other"
	}},
	{"a read with a wrong version", "linear", func(h *hurt) {
		_, r := h.find(anyGet)
		r.Then[0].Found[0].Version++
	}},
	{"a read with a wrong create revision", "linear", func(h *hurt) {
		_, r := h.find(anyGet)
		r.Then[0].Found[0].Created--
	}},
	{"a read with a wrong lease", "linear", func(h *hurt) {
		_, r := h.find(anyGet)
		r.Then[0].Found[0].Lease = 77
	}},
	{"a range without one of its keys", "linear", func(h *hurt) {
		_, r := h.find(func(r *history.Record) bool { return anyGet(r) && len(r.Then[0].Found) > 2 })
		r.Then[0].Found = slices.Delete(slices.Clone(r.Then[0].Found), 1, 2)
	}},
	{"a read of the past with another answer", "linear", func(h *hurt) {
		_, r := h.find(func(r *history.Record) bool { return r.At > 0 && len(r.Then[0].Found) > 0 })
		r.Then[0].Found = r.Then[0].Found[1:]
	}},
	{"the wrong branch", "linear", func(h *hurt) {
		_, r := h.find(func(r *history.Record) bool { return len(r.If) > 0 && r.Outcome == history.OK && r.Succeeded })
		r.Succeeded = false
	}},
	{"a local read that is too old", "linear", func(h *hurt) {
		_, r := h.find(func(r *history.Record) bool { return r.Serializable })
		r.Since = r.Revision + 1
	}},
	{"half of a transaction", "linear", func(h *hurt) {
		id := h.truth("keys")
		_, r := h.find(func(r *history.Record) bool { return r.Watcher == id && len(r.Events) > 1 })
		r.Events = r.Events[:1]
	}},
	{"a wrong number of deleted keys", "linear", func(h *hurt) {
		_, r := h.find(func(r *history.Record) bool {
			return r.Kind == history.Txn && r.Outcome == history.OK && len(r.Then) == 1 && r.Then[0].Type == history.Delete && r.Then[0].Deleted > 0
		})
		r.Then[0].Deleted = 2
	}},
	{"a version in the log that skips one", "linear", func(h *hurt) {
		_, r := h.logged("keys", isPut)
		r.Events[0].KV.Version++
	}},
	{"a write that was seen before it was called", "linear", func(h *hurt) {
		_, r := h.find(anyPut)
		r.Call += time.Second
		r.Return += time.Second
	}},
}

var watchDamages = []damage{
	{"an event is lost", "watch", func(h *hurt) {
		i, _ := h.seen(func(_, _ *history.Record) bool { return true })
		h.drop(i)
	}},
	{"an event comes twice", "watch", func(h *hurt) {
		i, r := h.seen(func(_, _ *history.Record) bool { return true })
		h.insert(i, *r)
	}},
	{"two events are swapped", "watch", func(h *hurt) {
		i, r := h.seen(func(_, _ *history.Record) bool { return true })
		_, next := h.after(i, func(n *history.Record) bool { return n.Kind == history.WatchEvent && n.Watcher == r.Watcher })
		r.Revision, next.Revision = next.Revision, r.Revision
		r.Events, next.Events = next.Events, r.Events
	}},
	{"a revision is told in two parts", "watch", func(h *hurt) {
		i, r := h.seen(func(_, r *history.Record) bool { return len(r.Events) > 1 })
		part := *r
		part.Events = r.Events[:1]
		r.Events = r.Events[1:]
		h.insert(i, part)
	}},
	{"a part of a revision is missing", "watch", func(h *hurt) {
		_, r := h.seen(func(_, r *history.Record) bool { return len(r.Events) > 1 })
		r.Events = r.Events[1:]
	}},
	{"progress before what it covers", "watch", func(h *hurt) {
		i, r := h.seen(func(_, _ *history.Record) bool { return true })
		early := *r
		early.Kind, early.Events = history.WatchProgress, nil
		h.insert(i, early)
	}},
	{"an event that the filter excludes", "watch", func(h *hurt) {
		_, r := h.seen(func(o, r *history.Record) bool { return o.Filter == 0 && !r.Events[0].Delete })
		for i := range h.records {
			if o := &h.records[i]; o.Kind == history.WatchOpened && o.Watcher == r.Watcher {
				o.Filter = history.NoPuts
			}
		}
	}},
	{"an event outside of the range", "watch", func(h *hurt) {
		_, r := h.seen(func(_, _ *history.Record) bool { return true })
		r.Events = append(slices.Clone(r.Events), history.Event{KV: history.KV{Key: "z"}})
	}},
	{"what was before is wrong", "watch", func(h *hurt) {
		_, r := h.seen(func(o, r *history.Record) bool { return o.Previous && r.Events[0].Previous != nil })
		old := *r.Events[0].Previous
		old.Value = "other"
		r.Events[0].Previous = &old
	}},
	{"what was before is missing", "watch", func(h *hurt) {
		_, r := h.seen(func(o, r *history.Record) bool { return o.Previous && r.Events[0].Previous != nil })
		r.Events[0].Previous = nil
	}},
	{"something from before the start", "watch", func(h *hurt) {
		_, r := h.seen(func(_, _ *history.Record) bool { return true })
		for i := range h.records {
			if o := &h.records[i]; o.Kind == history.WatchOpened && o.Watcher == r.Watcher {
				o.From = r.Revision + 1
			}
		}
	}},
	{"a watch from now tells the past", "watch", func(h *hurt) {
		_, r := h.seen(func(_, _ *history.Record) bool { return true })
		for i := range h.records {
			if o := &h.records[i]; o.Kind == history.WatchOpened && o.Watcher == r.Watcher {
				o.From, o.Revision = 0, r.Revision
			}
		}
	}},
	{"a value that the log has not", "watch", func(h *hurt) {
		_, r := h.seen(func(_, r *history.Record) bool { return !r.Events[0].Delete })
		r.Events = slices.Clone(r.Events)
		r.Events[0].KV.Value = "other"
	}},
	{"an end by a compaction that never was", "watch", func(h *hurt) {
		_, r := h.find(func(r *history.Record) bool { return r.Kind == history.WatchEnded })
		r.Reason, r.Revision = Compacted, 1_000_000
	}},
	{"something after the end", "watch", func(h *hurt) {
		i, r := h.seen(func(_, _ *history.Record) bool { return true })
		end := *r
		end.Kind, end.Events, end.Reason = history.WatchEnded, nil, "CANCELED"
		h.insert(i, end)
	}},
	{"a gap in the log where only keys take revisions", "watch", func(h *hurt) {
		i, _ := h.logged("keys", isDelete)
		h.drop(i)
	}},
	{"the log goes back", "watch", func(h *hurt) {
		i, r := h.logged("keys", isPut)
		_, next := h.after(i, func(n *history.Record) bool { return n.Kind == history.WatchEvent && n.Watcher == r.Watcher })
		r.Revision, next.Revision = next.Revision, r.Revision
		r.Events, next.Events = next.Events, r.Events
	}},
}
