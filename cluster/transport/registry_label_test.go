package transport

import "testing"

// label is what Dragonboat is told to reach p's replica at.
func (p *testPeer) label(t *testing.T, other *testPeer) string {
	t.Helper()
	p.registry.Add(2, 9, nodeHostID(other.self))
	label, key, err := p.registry.Resolve(2, 9)
	if err != nil || label != key {
		t.Fatalf("%q, %q, %v", label, key, err)
	}
	return label
}

// A node that was away is tried again as soon as it is heard from, and not when
// the time is over for which Dragonboat leaves it alone.
func TestNodeThatIsHeardIsTriedAgain(t *testing.T) {
	a := startPeer(t, clusterNode("n1"), nil)
	b := startPeer(t, clusterNode("n2"), nil).knows(a)
	a.knows(b)
	if got := a.label(t, b); got != b.addr {
		t.Fatalf("at first it is %q", got)
	}
	b.mustReach(t, a)
	if got := a.label(t, b); got != b.addr {
		t.Errorf("nothing has failed, and it is %q", got)
	}

	if err := b.trans.Close(); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if _, err := a.dial(t, b); err == nil {
			t.Fatal("a node that is away has answered")
		}
	}
	if got := a.label(t, b); got != b.addr {
		t.Errorf("while it is away it is %q", got)
	}
	b.start(t)
	b.mustReach(t, a)
	label := a.label(t, b)
	if label == b.addr {
		t.Error("it has the label under which it failed")
	}
	a.knows(b) // told again where it is
	if got := a.label(t, b); got != label {
		t.Errorf("%q has become %q", label, got)
	}
	conn, err := a.trans.GetConnection(t.Context(), label)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.SendMessageBatch(testBatch(a.self)); err != nil {
		t.Fatal(err)
	}
	receive(t, b.batches)
	b.mustReach(t, a)
	if got := a.label(t, b); got != label {
		t.Errorf("nothing has failed since, and %q has become %q", label, got)
	}
}

// A peer that only ever knocks does not make Dragonboat remember more and more.
func TestLabelsGoRound(t *testing.T) {
	r := NewRegistry()
	r.SetNode("host-a", "n1", "a:1")
	r.Add(2, 1, "host-a")
	seen := map[string]bool{}
	for range 5 * labels {
		label, _, err := r.Resolve(2, 1)
		if err != nil || addrOf(label) != "a:1" {
			t.Fatalf("%q, %v", label, err)
		}
		seen[label] = true
		r.unreached(label)
		r.heard("n1")
	}
	if len(seen) != labels+1 {
		t.Errorf("%d labels", len(seen))
	}
}
