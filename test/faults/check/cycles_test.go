package check

import (
	"fmt"
	"slices"

	"github.com/conclavehq/conclave/test/faults/history"
)

// listsOf begins clients that append to lists and read them.
func (s *sim) listsOf(space string) {
	lists := make(map[string][]int64)
	for range 5 {
		s.client(func(c *simClient, again func()) {
			r := history.Record{Workload: history.Lists, Kind: history.List, Namespace: space}
			for range 1 + c.rand.IntN(3) {
				m := history.Micro{Key: fmt.Sprintf("l/%d", c.rand.IntN(4)), Append: c.rand.IntN(2) == 0}
				c.unique++
				m.Element = c.unique
				r.Micro = append(r.Micro, m)
			}
			c.mutate(r, func(r *history.Record) {
				r.Micro = slices.Clone(r.Micro)
				for i := range r.Micro {
					m := &r.Micro[i]
					if m.Append {
						lists[m.Key] = append(lists[m.Key], m.Element)
					} else {
						m.Read = slices.Clone(lists[m.Key])
					}
				}
			}, func(history.Record) { again() })
		})
	}
	s.after(s.until+s.until/2, func() {
		r := history.Record{Workload: history.Lists, Kind: history.List, Namespace: space}
		for key, list := range lists {
			r.Micro = append(r.Micro, history.Micro{Key: key, Read: slices.Clone(list)})
		}
		s.event(r)
	})
}

// reader finds a transaction that only reads one list, with some elements.
func (h *hurt) reader() *history.Record {
	_, r := h.kind(history.List, func(r *history.Record) bool {
		return len(r.Micro) == 1 && !r.Micro[0].Append && len(r.Micro[0].Read) > 5
	})
	r.Micro[0].Read = slices.Clone(r.Micro[0].Read)
	return r
}

var cycleDamages = []damage{
	{"a stale read of a list", "cycles", func(h *hurt) {
		r := h.reader()
		r.Micro[0].Read = r.Micro[0].Read[:2]
	}},
	{"an append is lost", "cycles", func(h *hurt) {
		_, r := h.kind(history.List, func(r *history.Record) bool { return len(r.Micro) == 1 && r.Micro[0].Append })
		h.forget(r.Micro[0].Element)
	}},
	{"elements in another order", "cycles", func(h *hurt) {
		r := h.reader()
		read := r.Micro[0].Read
		read[1], read[2] = read[2], read[1]
	}},
	{"an element twice", "cycles", func(h *hurt) {
		last := &h.records[len(h.records)-1]
		for i := range h.records {
			if h.records[i].Kind == history.List {
				last = &h.records[i]
			}
		}
		last.Micro[0].Read = append(slices.Clone(last.Micro[0].Read), last.Micro[0].Read[0])
	}},
	{"an element that nobody appended", "cycles", func(h *hurt) {
		r := h.reader()
		r.Micro[0].Read[0] = -1
	}},
	{"G1a: an element of a refused transaction", "cycles", func(h *hurt) {
		_, r := h.kind(history.List, func(r *history.Record) bool { return len(r.Micro) == 1 && r.Micro[0].Append })
		r.Outcome = history.Refused
	}},
	{"G1b: the middle of a transaction", "cycles", func(h *hurt) {
		_, r := h.kind(history.List, func(r *history.Record) bool {
			return len(r.Micro) > 1 && r.Micro[0].Append && r.Micro[1].Append && r.Micro[0].Key == r.Micro[1].Key
		})
		middle, key := r.Micro[0].Element, r.Micro[0].Key
		for i := range h.records {
			for _, m := range h.records[i].Micro {
				if n := slices.Index(m.Read, middle); n >= 0 {
					h.insert(len(h.records), history.Record{Workload: history.Lists, Kind: history.List, Namespace: r.Namespace,
						Call: r.Call, Return: h.records[i].Return, Micro: []history.Micro{{Key: key, Read: m.Read[:n+1]}}})
					return
				}
			}
		}
		h.t.Fatal("nobody read it")
	}},
	{"a write skew", "cycles", func(h *hurt) {
		_, r := h.kind(history.List, nil)
		skew := func(reads, appends string, element int64) history.Record {
			return history.Record{Workload: history.Lists, Kind: history.List, Namespace: r.Namespace, Call: r.Call, Return: r.Return,
				Micro: []history.Micro{{Key: reads}, {Key: appends, Append: true, Element: element}}}
		}
		last := history.Record{Workload: history.Lists, Kind: history.List, Namespace: r.Namespace, Call: r.Return + 1, Return: r.Return + 2,
			Micro: []history.Micro{{Key: "x", Read: []int64{-5}}, {Key: "y", Read: []int64{-6}}}}
		h.insert(len(h.records), skew("x", "y", -6), skew("y", "x", -5), last)
	}},
}

// forget takes an element out of all reads.
func (h *hurt) forget(element int64) {
	for i := range h.records {
		for m := range h.records[i].Micro {
			step := &h.records[i].Micro[m]
			step.Read = slices.DeleteFunc(slices.Clone(step.Read), func(e int64) bool { return e == element })
		}
	}
}
