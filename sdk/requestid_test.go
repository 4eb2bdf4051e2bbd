package conclave

import (
	"math/rand/v2"
	"sync"
	"testing"
)

func TestRequestIDs(t *testing.T) {
	ids := newRequestIDs("w")
	a, b, c := ids.begin(), ids.begin(), ids.begin()
	for want, id := range map[uint64]*requestID{1: a, 2: b, 3: c} {
		if p := id.proto(); p.GetSequence() != want || p.GetDoneBelow() != 1 {
			t.Errorf("sequence %d, done below %d; want %d and 1", p.GetSequence(), p.GetDoneBelow(), want)
		}
	}
	if client := a.proto().GetClient(); client != c.proto().GetClient() || len(client) > 64 || client[len(client)-1] != 'w' {
		t.Errorf("client %q", client)
	}

	// Nothing below the smallest open one is done.
	b.end()
	if got := c.proto().GetDoneBelow(); got != 1 {
		t.Errorf("done below %d while 1 is open", got)
	}
	a.end()
	a.end()
	if got := c.proto().GetDoneBelow(); got != 3 {
		t.Errorf("done below %d, want 3", got)
	}
	c.end()
	if d := ids.begin().proto(); d.GetSequence() != 4 || d.GetDoneBelow() != 4 {
		t.Errorf("sequence %d, done below %d; want 4 and 4", d.GetSequence(), d.GetDoneBelow())
	}
}

// A wait of hours must not make the service remember everything after it.
func TestRequestIDsLeaveALongWaitBehind(t *testing.T) {
	ids := newRequestIDs("")
	long := ids.begin()
	clients := make(map[string]bool)
	for range 10 * window {
		id := ids.begin()
		p := id.proto()
		clients[p.GetClient()] = true
		if p.GetSequence()-p.GetDoneBelow() >= window {
			t.Fatalf("the service has to remember %d answers", p.GetSequence()-p.GetDoneBelow())
		}
		id.end()
	}
	if len(clients) != 2 {
		t.Errorf("%d client ids, want that of the long wait and one more", len(clients))
	}
	long.end()
}

func TestRequestIDsConcurrently(t *testing.T) {
	ids := newRequestIDs("")
	type name struct {
		client   string
		sequence uint64
	}
	var mu sync.Mutex
	open, seen := make(map[name]bool), make(map[name]bool)

	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			var mine []*requestID
			for range 5000 {
				mu.Lock()
				id := ids.begin()
				p := id.proto()
				n := name{p.GetClient(), p.GetSequence()}
				if seen[n] {
					t.Errorf("%v was given twice", n)
				}
				for other := range open {
					if other.client == n.client && other.sequence < p.GetDoneBelow() {
						t.Errorf("done below %d while %d is open", p.GetDoneBelow(), other.sequence)
					}
				}
				seen[n], open[n] = true, true
				mu.Unlock()

				mine = append(mine, id)
				for len(mine) > rand.IntN(8) {
					i := rand.IntN(len(mine))
					mu.Lock()
					delete(open, name{mine[i].stream.client, mine[i].sequence})
					mine[i].end()
					mu.Unlock()
					mine = append(mine[:i], mine[i+1:]...)
				}
			}
			for _, id := range mine {
				mu.Lock()
				delete(open, name{id.stream.client, id.sequence})
				id.end()
				mu.Unlock()
			}
		})
	}
	group.Wait()
}
