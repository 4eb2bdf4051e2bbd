package check

import "github.com/conclavehq/conclave/test/faults/history"

// checkTokens proves of mutexes and elections, each by namespace and name:
//
//   - a token (a term) is given once, is positive and below 2^53, and is greater
//     than every one that had been given before it was asked for;
//   - two never hold at a time: when a later token's holder knew of its grant, the
//     earlier one had released it, or been told that it was lost, with a reason;
//   - no write guarded by a token was taken when a newer one had been granted (by
//     revision and by time), after its release, or with a token that nobody can
//     have been given, and none refused as stale while its holder provably held;
//   - the register outside, where it asks for the token, took none that was older
//     than one that it had taken, and lost no update.
//
// A holder is told of its loss by a timer of its own process. That may be late by
// Options.Polling on a busy machine, and is then noted instead of reported: the
// token is what excludes, the hold's context only what makes it rare to be needed.
// Locks of etcd's packages are not told in time by design: they are allowed a TTL.
// The register without the token is a control; what it lost is noted. Of what an
// acquisition with an unknown outcome holds, nothing is known.
func checkTokens(b *book, t *tally) {
	names := make(map[name]*grants)
	var order []*grants
	at := func(kind history.Kind, space, key string) *grants {
		n := name{kind, space, key}
		if names[n] == nil {
			names[n] = &grants{holds: make(map[int64]*hold)}
			order = append(order, names[n])
		}
		return names[n]
	}
	o := &outside{tally: t, newest: make(map[string]int)}
	for i := range b.records {
		switch r := &b.records[i]; r.Kind {
		case history.Acquired, history.Elected:
			at(r.Kind, r.Namespace, r.Key).granted(t, i, r)
		case history.Released, history.HoldLost:
			at(history.Acquired, r.Namespace, r.Key).ended(t, i, r)
		case history.Resigned, history.TermLost:
			at(history.Elected, r.Namespace, r.Key).ended(t, i, r)
		case history.GuardedWrite:
			g := at(history.Acquired, r.Namespace, r.Key)
			g.writes = append(g.writes, i)
		case history.OutsideWrite:
			o.write(i, r)
		}
	}
	o.notes()
	log := b.guarded()
	for _, g := range order {
		g.grow(t)
		g.exclude(b, t)
		g.guard(b, t, log)
	}
}

// name is what one sequence of tokens belongs to; kind is that of its grants.
type name struct {
	kind       history.Kind
	space, key string
}

// hold is what its holder knows of a token.
type hold struct {
	token    int64
	granted  int
	released int // the first try; -1: none
	lost     int // -1: not
}

// grants are the holds of one name.
type grants struct {
	holds  map[int64]*hold
	list   []*hold
	unsure []int // grants of unknown outcome
	writes []int
}

// tokens are below this, so that every language can hold them in a number.
const tokenLimit = 1 << 53

func (g *grants) granted(t *tally, i int, r *history.Record) {
	if r.Outcome == history.Unknown {
		g.unsure = append(g.unsure, i)
	}
	if r.Outcome != history.OK {
		return
	}
	t.checked(i)
	if r.Token <= 0 || r.Token >= tokenLimit {
		t.violation([]int{i}, "the token %d of %q is out of bounds", r.Token, r.Key)
	}
	if h := g.holds[r.Token]; h != nil {
		t.violation([]int{i, h.granted}, "the token %d of %q was given twice", r.Token, r.Key)
		return
	}
	h := &hold{token: r.Token, granted: i, released: -1, lost: -1}
	g.holds[r.Token] = h
	g.list = append(g.list, h)
}

func (g *grants) ended(t *tally, i int, r *history.Record) {
	if r.Outcome == history.OK {
		t.checked(i)
	}
	h := g.holds[r.Token]
	if h == nil {
		if r.Outcome == history.OK {
			t.violation([]int{i}, "the token %d of %q ended, but was never given", r.Token, r.Key)
		}
		return
	}
	switch {
	case r.Kind == history.HoldLost || r.Kind == history.TermLost:
		if r.Reason == "" {
			t.violation([]int{i, h.granted}, "the token %d of %q was lost without a reason", r.Token, r.Key)
		}
		if h.lost < 0 {
			h.lost = i
		}
	case h.released < 0:
		h.released = i
	case r.Outcome == history.OK && r.Via == history.SDK && t.records[h.released].Outcome == history.OK:
		t.violation([]int{i, h.released}, "the token %d of %q was released twice", r.Token, r.Key)
	}
}

// grow demands that a token is above all that were given before it was asked for.
func (g *grants) grow(t *tally) {
	calls := make([]stamp, 0, len(g.list))
	known := make([]stamp, 0, len(g.list))
	for _, h := range g.list {
		r := &t.records[h.granted]
		calls = append(calls, stamp{at: r.Call, revision: h.token, record: h.granted})
		known = append(known, stamp{at: r.Return, revision: h.token, record: h.granted})
	}
	follow(calls, known, func(c, newest stamp) {
		t.violation([]int{c.record, newest.record}, "the token %d was given when %d had been", c.revision, newest.revision)
	})
}
