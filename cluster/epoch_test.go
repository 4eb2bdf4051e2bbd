package cluster_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/conclavehq/conclave/cluster"
	logv1 "github.com/conclavehq/conclave/proto/gen/conclave/log/v1"
)

// A leader that is cut off cannot write, and when it is back, what it had
// proposed is certainly not applied: its caller is served by the new leader
// instead, though the command has no request id.
// Promise T2
func TestRegressionEtcd15247DeposedLeader(t *testing.T) {
	w := newNetwork()
	r := newRig(t, 3, w.configure)
	r.nodes[0].put("k", "before")
	old := r.leader(r.nodes[0], shard)
	rest := r.others(old)

	w.isolate(old.config.Name)
	type outcome struct {
		result *logv1.Result
		err    error
	}
	late := make(chan outcome, 1)
	ctx := within(t)
	go func() {
		result, err := old.Propose(ctx, shard, putCommand("late", "v"))
		late <- outcome{result, err}
	}()
	eventually(t, func() error {
		if n := r.leader(rest[0], shard); n == old {
			return errors.New("the others have no new leader")
		}
		return nil
	})
	rest[0].put("k", "after")
	old.wantValue("k", "before", cluster.ReadOptions{Serializable: true})

	w.heal()
	got := <-late
	if got.err != nil || got.result.GetRefusal() != nil {
		t.Fatalf("the command of the deposed leader's caller: %v %v", got.err, got.result.GetRefusal())
	}
	if v := rest[1].get("late", cluster.ReadOptions{}).GetVersion(); v != 1 {
		t.Errorf("it was applied %d times", v)
	}
	old.wantValue("k", "after", cluster.ReadOptions{})
}

// A lease does not end early, and ends soon after its time, although its
// leader died meanwhile: time stood still while nobody led.
// Promises T1, T3
func TestExpiryAcrossFailover(t *testing.T) {
	r := newRig(t, 3)
	leader := r.leader(r.nodes[0], shard)
	rest := r.others(leader)
	const ttl = 1500 * time.Millisecond
	granted := time.Now()
	grant(t, rest[0], 7, ttl)
	leader.kill()

	eventually(t, func() error {
		if lease := getLease(t, rest[1], 7); lease != nil {
			return errors.New("the lease goes on")
		}
		return nil
	})
	if took := time.Since(granted); took < ttl {
		t.Errorf("the lease of %v ended after %v", ttl, took)
	} else if took > ttl+15*time.Second {
		t.Errorf("the lease of %v ended only after %v", ttl, took)
	}
}

// The log clock can be moved forward, and what is due then happens at once.
func TestAdvanceClock(t *testing.T) {
	n := newRig(t, 1).nodes[0]
	grant(t, n, 7, time.Hour)
	n.AdvanceClock(59 * time.Minute)
	n.put("k", "v")
	if getLease(t, n, 7) == nil {
		t.Fatal("the lease ended before its time")
	}
	n.AdvanceClock(time.Minute)
	eventually(t, func() error {
		if getLease(t, n, 7) != nil {
			return errors.New("the lease goes on")
		}
		return nil
	})
}

func grant(t *testing.T, n *node, id int64, ttl time.Duration) {
	t.Helper()
	result, err := n.Propose(within(t), shard, &logv1.Command{NamespaceId: namespace, Body: &logv1.Command_GrantLease{
		GrantLease: &logv1.GrantLease{LeaseId: id, TtlMs: ttl.Milliseconds()},
	}})
	if err != nil || result.GetRefusal() != nil {
		t.Fatalf("grant: %v %v", err, result.GetRefusal())
	}
}

func getLease(t *testing.T, n *node, id int64) *logv1.LeaseInfo {
	t.Helper()
	answer, err := n.Query(within(t), shard, cluster.ReadOptions{}, &logv1.Query{
		NamespaceId: namespace, Body: &logv1.Query_GetLease{GetLease: &logv1.GetLease{LeaseId: id}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return answer.GetGetLease().GetLease()
}

// The log's clock keeps up with the leader's while a timer runs, though nobody
// writes: what it is behind would be added to every deadline by a failover.
// Promise T3
func TestClockKeepsUpWhileIdle(t *testing.T) {
	n := newRig(t, 1).nodes[0]
	const ttl = time.Hour
	grant(t, n, 7, ttl)
	eventually(t, func() error {
		answer, err := n.Query(within(t), shard, cluster.ReadOptions{Serializable: true}, &logv1.Query{
			NamespaceId: namespace, Body: &logv1.Query_GetLease{GetLease: &logv1.GetLease{LeaseId: 7}},
		})
		if err != nil {
			t.Fatal(err)
		}
		if passed := ttl.Milliseconds() - answer.GetGetLease().GetLease().GetRemainingMs(); passed < 1000 {
			return fmt.Errorf("the log's clock has moved by %d ms only", passed)
		}
		return nil
	})
}
