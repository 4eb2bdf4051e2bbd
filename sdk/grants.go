package conclave

import (
	"context"
	"slices"
	"sync"

	conclavev1 "github.com/conclavehq/conclave/proto/gen/conclave/v1"
)

// lostMemory is how many losses are remembered of things that the session does
// not know (yet): a loss may be told before the answer with the grant arrives.
const lostMemory = 128

// grantKey names one grant: a mutex, an election or a job with its token.
type grantKey struct {
	kind  conclavev1.Lost_Kind
	name  string
	token Token
	job   JobID
}

// grant is what holds, terms and claims have in common: a context that ends when
// the session ends, when the service takes the thing away, or when its owner
// gives it back.
type grant struct {
	key    grantKey
	ctx    context.Context
	cancel context.CancelCauseFunc
}

// grants are what a session has. They need no goroutine of their own.
type grants struct {
	mu   sync.Mutex // protects all
	open map[grantKey][]*grant
	lost []lostGrant // newest last
}

type lostGrant struct {
	key   grantKey
	cause error
}

// add takes note of a grant. ask ends ctx if it is over by the clock.
func (g *grants) add(parent context.Context, key grantKey, ask func()) *grant {
	ctx, cancel := context.WithCancelCause(parent)
	added := &grant{key: key, ctx: &liveContext{ctx, ask}, cancel: cancel}
	g.mu.Lock()
	defer g.mu.Unlock()
	if i := slices.IndexFunc(g.lost, func(l lostGrant) bool { return l.key == key }); i >= 0 {
		cancel(g.lost[i].cause)
		return added
	}
	if g.open == nil {
		g.open = make(map[grantKey][]*grant)
	}
	g.open[key] = append(g.open[key], added)
	return added
}

// remove ends a grant whose owner gave it back.
func (g *grants) remove(gone *grant, cause error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	rest := slices.DeleteFunc(g.open[gone.key], func(other *grant) bool { return other == gone })
	if len(rest) == 0 {
		delete(g.open, gone.key)
	} else {
		g.open[gone.key] = rest
	}
	gone.cancel(cause)
}

// lose ends the grants of that key, now or when they become known.
func (g *grants) lose(key grantKey, cause error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, lost := range g.open[key] {
		lost.cancel(cause)
	}
	delete(g.open, key)
	if len(g.lost) == lostMemory {
		g.lost = slices.Delete(g.lost, 0, 1)
	}
	g.lost = append(g.lost, lostGrant{key, cause})
}

// has reports whether the session holds anything of that kind and name.
func (g *grants) has(kind conclavev1.Lost_Kind, name string) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	for key := range g.open {
		if key.kind == kind && key.name == name {
			return true
		}
	}
	return false
}

// keys lists what the session has.
func (g *grants) keys() []grantKey {
	g.mu.Lock()
	defer g.mu.Unlock()
	keys := make([]grantKey, 0, len(g.open))
	for key := range g.open {
		keys = append(keys, key)
	}
	return keys
}

// err says why the grant is over, nil if it is not.
func (g *grant) err() error {
	if g.ctx.Err() == nil {
		return nil
	}
	return context.Cause(g.ctx)
}
