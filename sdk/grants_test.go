package conclave

import (
	"context"
	"errors"
	"testing"

	conclavev1 "github.com/conclavehq/conclave/proto/gen/conclave/v1"
)

func never() {}

// Promise R6
func TestLossEndsTheGrant(t *testing.T) {
	var g grants
	lost := grantKey{conclavev1.Lost_KIND_MUTEX, "a", 7, 0}
	first := g.add(t.Context(), lost, never)
	again := g.add(t.Context(), lost, never) // counted twice
	other := g.add(t.Context(), grantKey{conclavev1.Lost_KIND_MUTEX, "a", 8, 0}, never)

	cause := lossOf(&conclavev1.Lost{Cause: "broken", Reason: "it hangs", Actor: "ann"})
	g.lose(lost, cause)
	for _, hold := range []*grant{first, again} {
		err := hold.err()
		if !errors.Is(err, ErrBroken) || !errors.Is(err, ErrLost) || err.Error() != "broken by ann, because: it hangs" {
			t.Errorf("the hold ended with %v", err)
		}
	}
	if err := other.err(); err != nil {
		t.Errorf("another hold ended with %v", err)
	}
}

// A break may be told before the answer with the grant arrives.
func TestLossBeforeTheGrantIsKnown(t *testing.T) {
	var g grants
	key := grantKey{conclavev1.Lost_KIND_ELECTION, "a", 7, 0}
	g.lose(key, errGone)
	if err := g.add(t.Context(), key, never).err(); err != errGone {
		t.Errorf("the term began with %v", err)
	}
	for i := range 2 * lostMemory {
		g.lose(grantKey{name: "b", token: Token(i)}, errGone)
	}
	if len(g.lost) != lostMemory {
		t.Errorf("%d losses are remembered", len(g.lost))
	}
}

func TestReleasedGrantIsForgotten(t *testing.T) {
	var g grants
	key := grantKey{conclavev1.Lost_KIND_MUTEX, "a", 7, 0}
	one, two := g.add(t.Context(), key, never), g.add(t.Context(), key, never)
	g.remove(one, ErrReleased)
	if !g.has(conclavev1.Lost_KIND_MUTEX, "a") || two.err() != nil {
		t.Error("one unlock of two freed the mutex")
	}
	if context.Cause(one.ctx) != ErrReleased {
		t.Errorf("the context ended because of %v", context.Cause(one.ctx))
	}
	g.remove(two, ErrReleased)
	if g.has(conclavev1.Lost_KIND_MUTEX, "a") || len(g.keys()) != 0 {
		t.Error("it is still there")
	}
}
