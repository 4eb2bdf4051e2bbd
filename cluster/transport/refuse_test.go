package transport

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/lni/dragonboat/v4/raftio"
)

// Promise S2: a node of another cluster is told so, and stops.
func TestWrongClusterIsRefusedWithReason(t *testing.T) {
	stranger := clusterNode("n1")
	stranger.ClusterID = 0xc2
	a := startPeer(t, stranger, nil)
	b := startPeer(t, clusterNode("n2"), nil)
	a.knows(b)

	_, err := a.dial(t, b)
	var refusal *RefusedError
	if !errors.As(err, &refusal) || refusal.Peer != b.self {
		t.Fatalf("dial: %v, want a refusal by n2", err)
	}
	reason := receive(t, a.refused)
	for _, want := range []string{"00000000000000c1", "00000000000000c2", "cluster token"} {
		if !strings.Contains(reason, want) {
			t.Errorf("reason %q does not mention %q", reason, want)
		}
	}
}

// Promise S2: a node that lost its disk comes back with another incarnation, is
// told so by the others, and stops.
func TestWrongIncarnationIsRefusedWithReason(t *testing.T) {
	a := startPeer(t, clusterNode("n1"), nil)
	b := startPeer(t, clusterNode("n2"), func(_ *MuxConfig, c *Config) {
		c.Admit = func(peer Hello) error {
			return fmt.Errorf("incarnation %x of %q is not on record", peer.Incarnation, peer.Name)
		}
	})
	a.knows(b)
	b.knows(a)

	if _, err := a.dial(t, b); err == nil {
		t.Fatal("a refused node got a connection")
	}
	if got, want := receive(t, a.refused), `incarnation 1000 of "n1" is not on record`; got != want {
		t.Errorf("reason %q, want %q", got, want)
	}
	// The other direction: b does not talk to a node that it does not admit, and
	// a has not refused b.
	if _, err := b.dial(t, a); err == nil {
		t.Error("dialed a node that is not admitted")
	}
	if len(b.refused) != 0 {
		t.Error("the admitted node believes that it was refused")
	}
}

// A refusal by somebody without a say must not stop a healthy node.
func TestRefusalWithoutAuthorityStopsNobody(t *testing.T) {
	healthy := startPeer(t, clusterNode("n1"), nil)
	friend := startPeer(t, clusterNode("n2"), nil)
	healthy.knows(friend)
	healthy.mustReach(t, friend)

	foreign := clusterNode("n3")
	foreign.ClusterID = 0xc2
	other := startPeer(t, foreign, nil) // now at the address of the dead n3
	healthy.knows(other)
	if _, err := healthy.dial(t, other); err == nil {
		t.Error("connected to a node of another cluster")
	}

	// A wiped n4 that refuses everybody, dialed by a node that does not admit it.
	wiped := startPeer(t, clusterNode("n4"), func(_ *MuxConfig, c *Config) {
		c.Admit = func(Hello) error { return errors.New("never heard of you") }
	})
	strict := startPeer(t, clusterNode("n5"), func(_ *MuxConfig, c *Config) {
		c.Admit = func(Hello) error { return errors.New("its disk was lost") }
	})
	strict.knows(wiped)
	if _, err := strict.dial(t, wiped); err == nil {
		t.Error("connected to a node that refuses")
	}
	if n := len(healthy.refused) + len(strict.refused); n != 0 {
		t.Errorf("%d refusals without authority reached the node", n)
	}
}

func TestPeerMustBearTheDialedName(t *testing.T) {
	a := startPeer(t, clusterNode("n1"), nil)
	b := startPeer(t, clusterNode("n2"), nil)
	a.registry.SetNode(nodeHostID(clusterNode("n3")), "n3", b.addr)

	_, err := a.dial(t, b)
	if err == nil || !strings.Contains(err.Error(), `instead of "n3"`) {
		t.Fatalf("dial: %v, want an error that names n3", err)
	}
	if len(a.refused)+len(b.refused) != 0 {
		t.Error("a wrong address made a node believe that it was refused")
	}
	a.registry.DropNode(nodeHostID(clusterNode("n3")))
	if _, err := a.dial(t, b); err == nil {
		t.Error("dialed an address that is nobody's")
	}
}

func TestNotYetIsNoRefusal(t *testing.T) {
	ready := make(chan struct{})
	a := startPeer(t, clusterNode("n1"), nil)
	b := startPeer(t, clusterNode("n2"), func(_ *MuxConfig, c *Config) {
		c.Admit = func(Hello) error {
			select {
			case <-ready:
				return nil
			default:
				return fmt.Errorf("%w: still loading the node list", ErrNotYet)
			}
		}
	})
	a.knows(b)

	if _, err := a.dial(t, b); err == nil || !strings.Contains(err.Error(), "still loading") {
		t.Fatalf("dial: %v, want the reason for waiting", err)
	}
	close(ready)
	a.mustReach(t, b)
	if len(a.refused) != 0 {
		t.Error("a node that should come back was told to stop")
	}
}

func TestConnectionsPerPeerAreBounded(t *testing.T) {
	a := startPeer(t, clusterNode("n1"), nil)
	b := startPeer(t, clusterNode("n2"), nil)
	a.knows(b)
	var last raftio.IConnection
	for range maxConnsPerPeer {
		conn, err := a.dial(t, b)
		if err != nil {
			t.Fatal(err)
		}
		last = conn
	}
	if _, err := a.dial(t, b); err == nil || !strings.Contains(err.Error(), "too many connections") {
		t.Fatalf("dial: %v, want a refusal for now", err)
	}
	last.Close()
	eventually(t, func() bool {
		conn, err := a.dial(t, b)
		if err == nil {
			conn.Close()
		}
		return err == nil
	})
}
