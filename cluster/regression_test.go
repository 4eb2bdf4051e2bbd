package cluster_test

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/conclavehq/conclave/cluster"
	logv1 "github.com/conclavehq/conclave/proto/gen/conclave/log/v1"
)

// The tests named TestRegression… are those of docs/regressions.md.

// etcd #20418: a process that had been stopped answered reads with what it had from
// before, because it still believed to lead. A linearizable read here is answered
// after a majority has said so, whoever is asked: no node that is cut off answers
// one, neither the leader in the moment before it steps down nor a follower.
// TestRegressionEtcd20418LeaderIsPaused in test/process does it with SIGSTOP.
func TestRegressionEtcd20418NoReadWithoutAMajority(t *testing.T) {
	for _, role := range []string{"leader", "follower"} {
		w := newNetwork()
		r := newRig(t, 3, w.configure)
		r.nodes[0].put("k", "before")
		alone := r.leader(r.nodes[0], shard)
		if role == "follower" {
			alone = r.others(alone)[0]
		}
		alone.wantValue("k", "before", cluster.ReadOptions{})
		w.isolate(alone.config.Name)
		for range 10 { // until long after the leader has stepped down
			ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
			_, err := alone.Query(ctx, shard, cluster.ReadOptions{}, rangeQuery("k"))
			cancel()
			if !errors.Is(err, cluster.ErrUnavailable) {
				t.Fatalf("the %s, cut off, answers a linearizable read: %v", role, err)
			}
		}
		w.heal()
		alone.wantValue("k", "before", cluster.ReadOptions{})
	}
}

// etcd #9395: each new leader gave every lease its whole TTL again, so with leaders
// that came and went a lease never ended. The log clock goes on where it was, however
// much has passed before.
func TestRegressionEtcd9395LeaseAcrossLeaders(t *testing.T) {
	r := newRig(t, 3)
	leader := r.leader(r.nodes[0], shard)
	rest := r.others(leader)
	leader.AdvanceClock(time.Hour)
	grant(t, leader, 7, time.Second)
	grant(t, leader, 8, 2*time.Hour)
	leader.AdvanceClock(time.Hour + 59*time.Minute)
	eventually(t, func() error { // a timer that fires carries the clock into the log
		if getLease(t, rest[0], 7) != nil {
			return errors.New("the first lease goes on")
		}
		return nil
	})
	leader.kill()
	next := leader
	eventually(t, func() error {
		if next = r.leader(rest[0], shard); next == leader {
			return errors.New("the others have no new leader")
		}
		return nil
	})
	if lease := getLease(t, next, 8); lease == nil || lease.GetRemainingMs() > (2*time.Minute).Milliseconds() {
		t.Fatalf("after a change of leaders the lease is %v", lease)
	}
	eventually(t, func() error { // whoever leads: on a slow machine it may have changed again
		r.leader(next, shard).AdvanceClock(2 * time.Minute)
		if getLease(t, next, 8) != nil {
			return errors.New("the second lease goes on")
		}
		return nil
	})
}

// Redis-Raft and others checked a transaction before they logged it, and two of them
// overwrote each other. Compares are decided in apply: of those who increment what
// they have read, through any node, none is lost.
func TestRegressionComparesAreDecidedInApply(t *testing.T) {
	r := newRig(t, 3)
	r.nodes[0].put("n", "0")
	var done atomic.Int64
	var workers sync.WaitGroup
	for i := range 12 {
		n := r.nodes[i%3]
		workers.Go(func() {
			for range 15 {
				kv := n.get("n", cluster.ReadOptions{Serializable: true})
				value, _ := strconv.Atoi(string(kv.GetValue()))
				result, err := n.Propose(within(t), shard, incremented("n", kv.GetModRevision(), value+1))
				if err != nil {
					t.Error(err)
				} else if result.GetTxn().GetSucceeded() {
					done.Add(1)
				}
			}
		})
	}
	workers.Wait()
	if kv := r.nodes[0].get("n", cluster.ReadOptions{}); string(kv.GetValue()) != fmt.Sprint(done.Load()) {
		t.Errorf("%s after %d increments", kv.GetValue(), done.Load())
	}
}

func incremented(key string, revision int64, value int) *logv1.Command {
	return &logv1.Command{NamespaceId: namespace, Body: &logv1.Command_Txn{Txn: &logv1.Txn{
		Compares: []*logv1.Compare{{
			Key: []byte(key), Target: logv1.CompareTarget_COMPARE_TARGET_MOD_REVISION,
			Operator: logv1.CompareOperator_COMPARE_OPERATOR_EQUAL, Number: revision,
		}},
		Success: []*logv1.TxnOp{{Op: &logv1.TxnOp_Put{Put: &logv1.Put{Key: []byte(key), Value: []byte(strconv.Itoa(value))}}}},
	}}}
}

// Dragonboat made a node that had just come back the leader before it had applied its
// log, and reads of its state were of the past. A restarted node that leads answers
// only after its claim, which is behind all of that; so does one that is alone, see
// TestRegressionDragonboatReadRightAfterACrash.
func TestRegressionDragonboatRestartedNodeLeads(t *testing.T) {
	r := newRig(t, 3)
	for i := range 3 {
		value := strconv.Itoa(i)
		for j := range 100 {
			r.nodes[0].put(numbered("filler", j), value)
		}
		r.nodes[0].put("k", value)
		for _, n := range r.nodes {
			n.kill()
		}
		for _, n := range r.nodes {
			n.start()
		}
		for _, n := range r.nodes {
			n.ready()
		}
		for _, n := range r.nodes {
			n.wantValue("k", value, cluster.ReadOptions{})
		}
	}
}
