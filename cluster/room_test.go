package cluster_test

import (
	"errors"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/conclavehq/conclave/cluster"
	logv1 "github.com/conclavehq/conclave/proto/gen/conclave/log/v1"
)

// disks are what the nodes of a rig believe to be free.
type disks map[string]*atomic.Int64

// least is what has to be free on each: much, next to what replicas have in memory.
const least = 1 << 40

// watched makes disks for nodes of these names, with room.
func watched(names ...string) (disks, func(*cluster.Config)) {
	d := make(disks)
	for _, name := range names {
		d[name] = new(atomic.Int64)
		d[name].Store(1 << 50)
	}
	return d, func(c *cluster.Config) {
		free := d[c.Name]
		c.LeastRoom = func(int64) int64 { return least }
		c.DiskRoom = func(string) (int64, int64, error) { return free.Load(), 1 << 50, nil }
	}
}

// wantShort waits until all nodes know which ones are short.
func (r *rig) wantShort(names ...string) {
	r.t.Helper()
	eventually(r.t, func() error {
		for _, n := range r.nodes {
			if got := n.Status().NoSpace; !slices.Equal(got, names) {
				return errors.New(n.config.Name + " believes otherwise")
			}
		}
		return nil
	})
}

// While any node has no room, whoever leads and whoever is asked refuses what
// makes the state larger, and nothing else; then it goes on by itself.
// Promise S5
func TestNoSpace(t *testing.T) {
	free, watch := watched("a", "b", "c")
	r := newRig(t, 3, watch)
	r.nodes[0].put("k", "before")
	lease := &logv1.Command{NamespaceId: namespace, Body: &logv1.Command_GrantLease{
		GrantLease: &logv1.GrantLease{LeaseId: 7, TtlMs: 60_000},
	}}
	if _, err := r.nodes[0].Propose(within(t), shard, lease); err != nil {
		t.Fatal(err)
	}

	for _, name := range []string{"a", "b", "c"} {
		free[name].Store(least - 1)
		r.wantShort(name)
		for _, n := range r.nodes {
			for _, cmd := range growing() {
				if _, err := n.Propose(within(t), shard, cmd); !errors.Is(err, cluster.ErrNoSpace) {
					t.Errorf("%s is short, %T through %s: %v", name, cmd.GetBody(), n.config.Name, err)
				}
			}
			for _, cmd := range harmless() {
				if _, err := n.Propose(within(t), shard, cmd); err != nil {
					t.Errorf("%s is short, %T through %s: %v", name, cmd.GetBody(), n.config.Name, err)
				}
			}
			n.wantValue("k", "before", cluster.ReadOptions{})
		}
		free[name].Store(least + least/8) // not enough to begin again
		r.wantShort(name)
		free[name].Store(2 * least)
		r.wantShort()
		r.nodes[0].put("k", "before")
	}
}

// Commands that came together have each their own answer.
func TestNoSpaceForSomeOfMany(t *testing.T) {
	free, watch := watched("a")
	r := newRig(t, 1, watch)
	free["a"].Store(0)
	r.wantShort("a")
	if got := r.nodes[0].DiskRoom().Free; got != 0 { // whatever waits in memory
		t.Errorf("%d bytes are free on a full disk", got)
	}
	cmds := slices.Concat(growing(), harmless(), growing())
	failed := make([]error, len(cmds))
	r.nodes[0].ProposeAll(within(t), shard, cmds, func(decided []cluster.Outcome) {
		for _, o := range decided {
			failed[o.Index] = o.Err
		}
	})
	for i, err := range failed {
		grows := i < len(growing()) || i >= len(cmds)-len(growing())
		if errors.Is(err, cluster.ErrNoSpace) != grows || err != nil && !grows {
			t.Errorf("%T: %v", cmds[i].GetBody(), err)
		}
	}
}

// A node that is gone with a full disk does not stop the others.
func TestNoSpaceOfALostNode(t *testing.T) {
	free, watch := watched("a", "b", "c")
	r := newRig(t, 3, watch)
	free["c"].Store(0)
	r.wantShort("c")
	r.nodes[2].kill()
	r.nodes = r.nodes[:2]
	r.wantShort()
	r.nodes[0].put("k", "v")
}

// A delete that moves more than any node has to spare is refused, whoever leads and
// whoever is asked, in a transaction as well. Small ones go on, and with room all do.
// Promise S5
func TestNoSpaceForDeletes(t *testing.T) {
	free, watch := watched("a", "b", "c")
	r := newRig(t, 3, watch)
	for i := range 4 {
		r.nodes[0].put(numbered("large/", i), strings.Repeat("v", 64<<10))
	}
	for _, name := range []string{"a", "b", "c"} {
		free[name].Store(least / 2)
		r.wantShort(name)
		for _, n := range r.nodes {
			r.nodes[0].wantValue("large/0000", strings.Repeat("v", 64<<10), cluster.ReadOptions{})
			for _, cmd := range deletesOf("large/", "large0") {
				if _, err := n.Propose(within(t), shard, cmd); !errors.Is(err, cluster.ErrNoSpace) {
					t.Errorf("%s has nothing to spare, %T through %s: %v", name, cmd.GetBody(), n.config.Name, err)
				}
			}
			for _, cmd := range slices.Concat(deletesOf("large/0000x", ""), harmless()) {
				if _, err := n.Propose(within(t), shard, cmd); err != nil {
					t.Errorf("%s has nothing to spare, %T through %s: %v", name, cmd.GetBody(), n.config.Name, err)
				}
			}
		}
		free[name].Store(2 * least)
		r.wantShort()
	}

	free["b"].Store(least - 1)
	r.wantShort("b")
	eventually(t, func() error { // that there is more to spare comes with the next answer
		return second(r.nodes[0].Propose(within(t), shard, deletesOf("large/", "large0")[0]))
	})
	if kv := r.nodes[0].get("large/0000", cluster.ReadOptions{}); kv != nil {
		t.Error("what was deleted is there")
	}
}

// deletesOf are commands that delete a key or a range, or would if a branch of theirs
// were taken.
func deletesOf(key, rangeEnd string) []*logv1.Command {
	deleted := &logv1.DeleteRange{Key: []byte(key), RangeEnd: []byte(rangeEnd)}
	op := &logv1.TxnOp{Op: &logv1.TxnOp_DeleteRange{DeleteRange: deleted}}
	never := []*logv1.Compare{{Key: []byte("none"), Target: logv1.CompareTarget_COMPARE_TARGET_VERSION, Operator: logv1.CompareOperator_COMPARE_OPERATOR_LESS}}
	inner := &logv1.TxnOp{Op: &logv1.TxnOp_Txn{Txn: &logv1.Txn{Compares: never, Success: []*logv1.TxnOp{op}}}}
	return inNamespace(
		&logv1.Command{Body: &logv1.Command_DeleteRange{DeleteRange: deleted}},
		&logv1.Command{Body: &logv1.Command_Txn{Txn: &logv1.Txn{Success: []*logv1.TxnOp{op}}}},
		&logv1.Command{Body: &logv1.Command_Txn{Txn: &logv1.Txn{Failure: []*logv1.TxnOp{op}}}},
		&logv1.Command{Body: &logv1.Command_Txn{Txn: &logv1.Txn{Success: []*logv1.TxnOp{inner}}}},
	)
}

func inNamespace(cmds ...*logv1.Command) []*logv1.Command {
	for _, cmd := range cmds {
		cmd.NamespaceId = namespace
	}
	return cmds
}

func growing() []*logv1.Command {
	put := &logv1.TxnOp{Op: &logv1.TxnOp_Put{Put: &logv1.Put{Key: []byte("k")}}}
	nested := &logv1.TxnOp{Op: &logv1.TxnOp_Txn{Txn: &logv1.Txn{Failure: []*logv1.TxnOp{put}}}}
	return inNamespace(
		putCommand("k", "v"),
		&logv1.Command{Body: &logv1.Command_Txn{Txn: &logv1.Txn{Success: []*logv1.TxnOp{nested}}}},
		&logv1.Command{Body: &logv1.Command_GrantLease{GrantLease: &logv1.GrantLease{TtlMs: 1000}}},
		&logv1.Command{Body: &logv1.Command_AcquireMutex{AcquireMutex: &logv1.AcquireMutex{}}},
		&logv1.Command{Body: &logv1.Command_Campaign{Campaign: &logv1.Campaign{}}},
		&logv1.Command{Body: &logv1.Command_Proclaim{Proclaim: &logv1.Proclaim{}}},
		&logv1.Command{Body: &logv1.Command_Enqueue{Enqueue: &logv1.Enqueue{}}},
		&logv1.Command{Body: &logv1.Command_RegisterInstance{RegisterInstance: &logv1.RegisterInstance{}}},
		&logv1.Command{Body: &logv1.Command_UpdateInstance{UpdateInstance: &logv1.UpdateInstance{}}},
		&logv1.Command{Body: &logv1.Command_ImportKeys{ImportKeys: &logv1.ImportKeys{}}},
	)
}

func harmless() []*logv1.Command {
	drop := &logv1.TxnOp{Op: &logv1.TxnOp_DeleteRange{DeleteRange: &logv1.DeleteRange{Key: []byte("gone")}}}
	return inNamespace(
		&logv1.Command{Body: &logv1.Command_DeleteRange{DeleteRange: &logv1.DeleteRange{Key: []byte("gone")}}},
		&logv1.Command{Body: &logv1.Command_Txn{Txn: &logv1.Txn{Success: []*logv1.TxnOp{drop}}}},
		&logv1.Command{Body: &logv1.Command_Compact{Compact: &logv1.Compact{Revision: 1}}},
		&logv1.Command{Body: &logv1.Command_RenewLease{RenewLease: &logv1.RenewLease{LeaseId: 7}}},
		&logv1.Command{Body: &logv1.Command_RevokeLease{RevokeLease: &logv1.RevokeLease{LeaseId: 8}}},
		&logv1.Command{Body: &logv1.Command_ReleaseMutex{ReleaseMutex: &logv1.ReleaseMutex{Name: "m", Token: 1}}},
		&logv1.Command{Body: &logv1.Command_Resign{Resign: &logv1.Resign{Name: "e", Term: 1}}},
		&logv1.Command{Body: &logv1.Command_AckJob{AckJob: &logv1.AckJob{Queue: "q", JobId: 1}}},
		&logv1.Command{Body: &logv1.Command_ComputeHash{ComputeHash: &logv1.ComputeHash{}}},
	)
}
