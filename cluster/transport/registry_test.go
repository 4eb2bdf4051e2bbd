package transport

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestRegressionDragonboatInconsistentTarget(t *testing.T) {
	r := NewRegistry()
	if _, err := r.Create("", 4, func(target string) bool { return target != "not a uuid" }); err != nil {
		t.Fatal(err)
	}
	resolves := func(shardID, replicaID uint64, want string) {
		t.Helper()
		addr, key, err := r.Resolve(shardID, replicaID)
		if (err == nil) != (want != "") || addr != want || key != want {
			t.Errorf("resolve %d/%d: %q, %q, %v; want %q", shardID, replicaID, addr, key, err, want)
		}
	}

	resolves(2, 1, "") // nothing known
	r.Add(2, 1, "host-a")
	resolves(2, 1, "") // no address yet
	r.SetNode("host-a", "n1", "a:1")
	r.SetNode("host-b", "n2", "b:1")
	resolves(2, 1, "a:1")
	r.SetNode("host-a", "n1", "a:2")
	resolves(2, 1, "a:2") // moved

	r.Add(2, 1, "host-b")
	resolves(2, 1, "a:2") // a replica never moves
	r.Add(2, 2, "not a uuid")
	resolves(2, 2, "")
	r.Add(2, 2, "host-b")
	r.Add(4, 1, "host-b")
	resolves(2, 2, "b:1")

	r.Remove(2, 1)
	resolves(2, 1, "")
	r.RemoveShard(2)
	resolves(2, 2, "")
	resolves(4, 1, "b:1")

	if diff := cmp.Diff([]string{"n2"}, r.namesAt("b:1")); diff != "" {
		t.Error(diff)
	}
	r.DropNode("host-b")
	resolves(4, 1, "")
	if err := r.Close(); err != nil {
		t.Error(err)
	}
	r.SetNode("host-b", "n2", "b:1")
	resolves(4, 1, "") // a new NodeHost starts without replicas
}

func TestPacer(t *testing.T) {
	now := time.Unix(100, 0)
	p := newPacer(1000)
	for i, want := range []time.Duration{0, 500 * time.Millisecond, 1500 * time.Millisecond} {
		if got := p.reserve(now, 500*(i+1)); got != want {
			t.Errorf("chunk %d waits %v, want %v", i, got, want)
		}
	}
	if got := p.reserve(now.Add(time.Hour), 1); got != 0 {
		t.Errorf("an idle line makes wait %v", got)
	}
	p.reserve(time.Now().Add(time.Hour), 1<<20)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := p.wait(ctx, 1); !errors.Is(err, context.Canceled) {
		t.Errorf("wait on a dead connection: %v", err)
	}
	if got := newPacer(0).reserve(now, 1<<40); got != 0 {
		t.Errorf("no limit makes wait %v", got)
	}
}
