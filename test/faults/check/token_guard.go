package check

import (
	"cmp"
	"slices"

	"github.com/conclavehq/conclave/test/faults/history"
)

// guarded finds at which revisions guarded writes of unknown outcome happened, by
// their values in the logs.
func (b *book) guarded() map[int]int64 {
	happened := make(map[int]int64)
	for _, s := range b.spaces {
		values := make(map[string]int)
		for _, i := range s.unsure {
			r := &b.records[i]
			for o := range r.Then {
				if r.Kind == history.GuardedWrite && r.Then[o].Type == history.Put {
					values[r.Then[o].Value] = i
				}
			}
		}
		log := b.chronicle(s)
		if len(values) == 0 || log == nil {
			continue
		}
		for e := range log.entries {
			for n := range log.entries[e].events {
				if i, ok := values[log.entries[e].events[n].KV.Value]; ok {
					happened[i] = log.entries[e].revision
				}
			}
		}
	}
	return happened
}

// guard judges the writes that carried a token of this mutex.
func (g *grants) guard(b *book, t *tally, happened map[int]int64) {
	for _, i := range g.writes {
		r := &b.records[i]
		h := g.holds[r.Token]
		switch {
		case r.Outcome == history.OK && len(r.If) == 0 || r.Outcome == history.OK && r.Succeeded:
			t.checked(i)
			g.taken(b, t, i, r.Revision)
			if h == nil && !g.mayBeGiven(b, r) {
				t.violation([]int{i}, "a write guarded by the token %d was taken, which nobody can have been given", r.Token)
			}
			if h != nil && h.released >= 0 && b.records[h.released].Outcome == history.OK && b.records[h.released].Return < r.Call {
				t.violation([]int{i, h.released}, "a write guarded by the token %d was taken after its release", r.Token)
			}
		case r.Outcome == history.Unknown:
			if at := happened[i]; at > 0 {
				t.checked(i)
				g.taken(b, t, i, at)
			}
		case r.Outcome == history.Refused && r.Reason == GuardFailed:
			t.checked(i)
			if h != nil && h.lost < 0 && h.released >= 0 && b.records[h.granted].Return < r.Call &&
				b.records[h.released].Outcome == history.OK && b.records[h.released].Call > r.Return {
				t.violation([]int{i, h.granted, h.released}, "a write guarded by the token %d was refused as stale while it was held", r.Token)
			}
		}
	}
}

// mayBeGiven tells whether the token of a write can be that of a grant of unknown
// outcome: one that was asked for before the write was answered, and when no token
// that is as high was known.
func (g *grants) mayBeGiven(b *book, write *history.Record) bool {
	return slices.ContainsFunc(g.unsure, func(u int) bool {
		asked := b.records[u].Call
		return asked <= write.Return && !slices.ContainsFunc(g.list, func(h *hold) bool {
			return h.token >= write.Token && b.records[h.granted].Return < asked
		})
	})
}

// taken judges a guarded write that happened at a revision: tokens are revisions of
// the grant, so an older one at a later revision than a newer grant is stale. (Those
// of etcd's locks are revisions of the request, and tell nothing by that.) Tokens
// grow (see grow), so the next one is enough to look at.
func (g *grants) taken(b *book, t *tally, i int, revision int64) {
	r := &b.records[i]
	next, _ := slices.BinarySearchFunc(g.list, r.Token+1, func(h *hold, token int64) int { return cmp.Compare(h.token, token) })
	if next == len(g.list) {
		return
	}
	h := g.list[next]
	if r.Via == history.SDK && h.token < revision || b.records[h.granted].Return < r.Call && r.Outcome == history.OK {
		t.violation([]int{i, h.granted}, "a write guarded by the token %d was taken at %d, after %d had been granted", r.Token, revision, h.token)
	}
}

// outside judges the register outside of the service.
type outside struct {
	*tally
	newest                map[string]int // the accepted write with the newest token, by key
	fenced, refused, gone int            // writes with the token, those refused, those that lost an update
	control, lost         int            // writes without, and those that lost one
}

func (o *outside) write(i int, r *history.Record) {
	if !r.Fenced {
		o.control++
		if r.Lost {
			o.lost++
		}
		return
	}
	o.fenced++
	if r.Outcome != history.OK {
		o.refused++
		return
	}
	o.checked(i)
	if r.Lost {
		o.gone++
		o.violation([]int{i}, "the register asked for the token, and yet lost an update to %d", r.Token)
	}
	last, ok := o.newest[r.Key]
	if ok && o.records[last].Token > r.Token {
		o.violation([]int{i, last}, "the register took the token %d after %d", r.Token, o.records[last].Token)
		return
	}
	o.newest[r.Key] = i
}

func (o *outside) notes() {
	if o.fenced+o.control > 0 {
		o.note(history.Mutexes, "outside register: %d writes with the token (%d stale ones refused, %d lost an update), %d without, of which %d lost an update",
			o.fenced, o.refused, o.gone, o.control, o.lost)
	}
}
