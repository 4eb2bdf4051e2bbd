package cluster_test

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"testing"

	"github.com/conclavehq/conclave/cluster"
)

// A machine that got another name, or a disk that moved to another machine, is
// no obstacle.
func TestRegressionDragonboatHostnameChanged(t *testing.T) {
	n := newRig(t, 1).nodes[0]
	n.put("k", "v")
	n.stop()
	raft := filepath.Join(n.config.Dir, "raft")
	host, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(filepath.Join(raft, host), filepath.Join(raft, "elsewhere")); err != nil {
		t.Fatal(err)
	}
	n.start()
	n.ready()
	n.wantValue("k", "v", cluster.ReadOptions{})
}

// What the operator got wrong is one clear sentence, and nothing is left
// running.
func TestCannotStart(t *testing.T) {
	n := newRig(t, 1).nodes[0]
	n.stop()
	own := n.config
	damage := func(file string, at int) func(*testing.T) {
		return func(t *testing.T) {
			path := filepath.Join(own.Dir, file)
			whole, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			broken := append([]byte(nil), whole...)
			broken[at] ^= 0x20
			if err := os.WriteFile(path, broken, 0o600); err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = os.WriteFile(path, whole, 0o600) })
		}
	}
	for _, c := range []struct {
		name     string
		change   func(*testing.T)
		sentence string
	}{
		{"damaged identity", damage("identity", 60), "identity is damaged"},
		{"identity of another kind", damage("identity", 0), "identity is damaged"},
		{"damaged state", func(t *testing.T) {
			damage("sm/2-1/CURRENT", 0)(t)
		}, "cannot open the state of shard 2"},
		{"damaged log", damage("raft/NODEHOST.ID", 12), "the Raft log in"},
		{"no port", func(*testing.T) { n.config.PeerListeners = []net.Listener{} }, "needs an address to listen on"},
		{"bad URL", func(*testing.T) { n.config.InitialCluster = []cluster.Peer{{Name: "a", URL: "10.0.0.1:7401"}} }, "must look like http://host:7401"},
		{"directory is a file", func(t *testing.T) {
			n.config.Dir = filepath.Join(t.TempDir(), "file")
			if err := os.WriteFile(n.config.Dir, nil, 0o600); err != nil {
				t.Fatal(err)
			}
		}, "cannot make the data directory"},
		{"not a member", func(*testing.T) { n.config.Name = "z" }, "not in the initial cluster"},
		{"too many shards", func(*testing.T) { n.config.DataShards = 17 }, "must be 1 to 16"},
	} {
		t.Run(c.name, func(t *testing.T) {
			n.config = own
			c.change(t)
			wantSentence(t, n.try(), c.sentence)
		})
	}
	n.config = own
	n.start()
	n.ready()
}

// Nodes that come back at other addresses find each other, even when none is
// where the others remember it.
func TestAddressesChange(t *testing.T) {
	r := newRig(t, 3)
	r.nodes[0].put("k", "v")
	for _, n := range r.nodes {
		n.stop()
	}
	var moved []cluster.Peer
	var listeners []net.Listener
	for _, n := range r.nodes {
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		listeners = append(listeners, ln)
		moved = append(moved, cluster.Peer{Name: n.config.Name, URL: "http://" + ln.Addr().String()})
	}
	for i, n := range r.nodes {
		n.config.PeerListeners = listeners[i : i+1]
		n.config.InitialCluster = moved
		n.start()
	}
	for i, n := range r.nodes {
		n.ready()
		n.wantValue("k", "v", cluster.ReadOptions{})
		eventually(t, func() error {
			if got := n.Status().Members[i].GetPeerUrl(); got != moved[i].URL {
				return errors.New("the record still has " + got)
			}
			return nil
		})
	}
}

// A follower that was away while the log went on and was compacted gets the
// state in a snapshot.
func TestRegressionDragonboatCatchUpBySnapshot(t *testing.T) {
	r := newRig(t, 3, func(c *cluster.Config) { c.SnapshotEntries, c.CompactionOverhead = 20, 5 })
	away := r.others(r.leader(r.nodes[0], shard))[0]
	rest := r.others(away)
	away.stop()
	for i := range 200 {
		rest[0].put(numbered("k", i%50), "v")
	}
	away.start()
	away.ready()
	away.wantValue("k0049", "v", cluster.ReadOptions{})
	_, hashes, err := rest[0].Hash(within(t), shard)
	if err != nil {
		t.Fatal(err)
	}
	for _, h := range hashes {
		if h.Err != nil || h.Hash != hashes[0].Hash {
			t.Errorf("hashes: %+v", hashes)
		}
	}
}
