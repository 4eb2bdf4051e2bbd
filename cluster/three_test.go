package cluster_test

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/conclavehq/conclave/cluster"
	logv1 "github.com/conclavehq/conclave/proto/gen/conclave/log/v1"
)

// Any node serves any request, and a read through any node sees what was
// acknowledged through any other.
// Promise D2
func TestAnyNodeServes(t *testing.T) {
	r := newRig(t, 3)
	for i := range 30 {
		r.nodes[i%3].put("k", fmt.Sprint(i))
		r.nodes[(i+1)%3].wantValue("k", fmt.Sprint(i), cluster.ReadOptions{})
	}
	last := r.nodes[0].put("k", "last")
	for _, n := range r.nodes {
		n.wantValue("k", "last", cluster.ReadOptions{Serializable: true, MinIndex: last.GetIndex()})
	}
}

// Who does not lead knows where clients find the node that does.
func TestLeaderURLs(t *testing.T) {
	r := newRig(t, 3)
	leader := r.leader(r.nodes[0], shard)
	for _, n := range r.nodes {
		want := leader.config.ClientURLs
		if n == leader {
			want = nil
		}
		eventually(t, func() error {
			if got := n.LeaderURLs(shard); !cmp.Equal(got, want) {
				return fmt.Errorf("node %s says %q, want %q", n.config.Name, got, want)
			}
			return nil
		})
	}
	if got := leader.LeaderURLs(99); got != nil {
		t.Errorf("a shard that does not exist has %q", got)
	}
}

// Concurrent commands through all nodes are all applied, once each, and the
// replicas agree on the result.
func TestConcurrentCommands(t *testing.T) {
	r := newRig(t, 3)
	var writers sync.WaitGroup
	for i := range 300 {
		writers.Go(func() { r.nodes[i%3].put("k", "v") })
	}
	writers.Wait()
	if v := r.nodes[0].get("k", cluster.ReadOptions{}).GetVersion(); v != 300 {
		t.Errorf("version %d after 300 puts", v)
	}
	index, hashes, err := r.nodes[0].Hash(within(t), shard)
	if err != nil || len(hashes) != 3 {
		t.Fatalf("hashes at %d: %+v, %v", index, hashes, err)
	}
	for _, h := range hashes {
		if h.Err != nil || h.Hash == "" || h.Hash != hashes[0].Hash {
			t.Errorf("hashes at %d: %+v", index, hashes)
		}
	}
}

// When the leader dies, commands with request ids take effect exactly once,
// through whichever node they come.
// Promises D1, D5
func TestLeaderDies(t *testing.T) {
	r := newRig(t, 3)
	leader := r.leader(r.nodes[0], shard)
	rest := r.others(leader)

	const clients, each = 8, 50
	var acknowledged atomic.Int64
	var writers sync.WaitGroup
	for client := range clients {
		writers.Go(func() {
			for seq := range each {
				cmd := withID(putCommand("k", "v"), fmt.Sprint("client", client), uint64(seq+1))
				if acknowledged.Add(1) == clients*each/3 {
					leader.kill()
				}
				result, err := rest[client%2].Propose(within(t), shard, cmd)
				if err != nil || result.GetRefusal() != nil {
					t.Errorf("client %d, request %d: %v %v", client, seq, err, result.GetRefusal())
					return
				}
			}
		})
	}
	writers.Wait()
	if v := rest[0].get("k", cluster.ReadOptions{}).GetVersion(); v != clients*each {
		t.Errorf("version %d after %d puts", v, clients*each)
	}

	leader.start()
	leader.ready()
	if v := leader.get("k", cluster.ReadOptions{}).GetVersion(); v != clients*each {
		t.Errorf("version %d on the node that came back", v)
	}
}

// A leader that stops in order hands over first, so that the others hardly
// notice, and says to its own callers that it is stopping.
func TestStopHandsOver(t *testing.T) {
	r := newRig(t, 3)
	leader := r.leader(r.nodes[0], shard)
	rest := r.others(leader)
	for _, n := range rest { // they would wait for 20 s at least before an election
		n.stop()
		n.config.ElectionTicks = 4000
		n.start()
		n.ready()
	}
	leader.stop()
	began := time.Now()
	rest[0].put("k", "v")
	if took := time.Since(began); took > 15*time.Second {
		t.Errorf("the next write took %v, with an election timeout of 20 s", took)
	}
	if _, err := leader.Propose(within(t), shard, putCommand("k", "w")); !errors.Is(err, cluster.ErrStopped) {
		t.Errorf("propose on a stopped node: %v", err)
	}
}

// Leadership can be moved, and everybody sees it.
func TestTransferLeader(t *testing.T) {
	r := newRig(t, 3)
	for _, to := range r.nodes {
		if err := r.nodes[0].TransferLeader(within(t), 0, to.config.Name); err != nil {
			t.Fatal(err)
		}
		for _, s := range []uint64{1, 2, 4} {
			if leader := r.leader(r.nodes[0], s); leader != to {
				t.Errorf("shard %d is led by %s, want %s", s, leader.config.Name, to.config.Name)
			}
		}
		r.nodes[1].put("k", to.config.Name)
	}
	wantRefusal(t, logv1.Reason_REASON_NODE_NOT_FOUND, r.nodes[0].TransferLeader(within(t), 0, "nobody"))
}

// Without a majority nothing is acknowledged, and callers are told in time.
func TestNoMajority(t *testing.T) {
	r := newRig(t, 3)
	n := r.nodes[0]
	for _, other := range r.others(n) {
		other.kill()
	}
	eventually(t, func() error {
		if n.Healthy() == nil || n.Status().Shards[1].Leader != "" {
			return errors.New("still healthy without a majority")
		}
		return nil
	})
	ctx, cancel := timeLimit(t, 200*time.Millisecond)
	defer cancel()
	if _, err := n.Propose(ctx, shard, putCommand("k", "v")); !errors.Is(err, cluster.ErrNoLeader) {
		t.Errorf("propose without a majority: %v", err)
	}
	if _, err := n.Query(ctx, shard, cluster.ReadOptions{}, rangeQuery("k")); !errors.Is(err, cluster.ErrUnavailable) {
		t.Errorf("query without a majority: %v", err)
	}
	if _, err := n.Query(within(t), shard, cluster.ReadOptions{Serializable: true}, rangeQuery("k")); err != nil {
		t.Errorf("serializable query without a majority: %v", err)
	}
}

// All nodes are on record with their addresses, and those that answer say so.
func TestMembers(t *testing.T) {
	r := newRig(t, 3)
	r.nodes[2].kill()
	members, err := r.nodes[0].Members(within(t))
	if err != nil {
		t.Fatal(err)
	}
	got := make(map[string]bool)
	for _, m := range members {
		got[m.Node.GetName()] = m.Reachable
	}
	want := map[string]bool{"a": true, "b": true, "c": false}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("reachable members (-want +got):\n%s", diff)
	}
}

// While the leadership wanders, commands without a request id are applied once
// each too: what a leader did not get applied comes back to be tried again.
// Promise T2
func TestLeadershipWanders(t *testing.T) {
	r := newRig(t, 3)
	stop := make(chan struct{})
	var count atomic.Int64
	var writers sync.WaitGroup
	for i := range 12 {
		writers.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				r.nodes[i%3].put("k", "v")
				count.Add(1)
			}
		})
	}
	for i := range 9 {
		if err := r.nodes[0].TransferLeader(within(t), shard, r.nodes[i%3].config.Name); err != nil {
			t.Error(err)
		}
	}
	close(stop)
	writers.Wait()
	if v := r.nodes[0].get("k", cluster.ReadOptions{}).GetVersion(); v != count.Load() {
		t.Errorf("version %d after %d puts", v, count.Load())
	}
}
