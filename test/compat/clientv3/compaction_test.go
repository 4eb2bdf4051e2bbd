package clientv3

import (
	"errors"
	"fmt"
	"testing"

	"github.com/conclavehq/conclave/test/compat/rig"
	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"
)

// Reads and watches of what was compacted are told so, with errors that the client
// knows.
func TestCompaction(t *testing.T) {
	rig.Each(t, func(t *testing.T, kind rig.Program) {
		t.Parallel()
		c, ctx := connect(t, rig.Start(t, kind, 1).Endpoints()...), rig.Within(t, rig.Patience)
		for i := 2; i <= 9; i++ {
			if _, err := c.Put(ctx, "k", fmt.Sprint(i)); err != nil {
				t.Fatal(err)
			}
		}
		slow := c.Watch(ctx, "k", clientv3.WithRev(4)) // is let go on
		next(t, slow)
		if _, err := c.Compact(ctx, 6, clientv3.WithCompactPhysical()); err != nil {
			t.Fatal(err)
		}
		_, err := c.Get(ctx, "k", clientv3.WithRev(5))
		refused(t, "a read of what was compacted", err, rpctypes.ErrCompacted)
		_, err = c.Txn(ctx).Then(clientv3.OpPut("k", "no"), clientv3.OpGet("k", clientv3.WithRev(5))).Commit()
		refused(t, "the same in a transaction", err, rpctypes.ErrCompacted)
		_, err = c.Compact(ctx, 6)
		refused(t, "the same compaction", err, rpctypes.ErrCompacted)
		_, err = c.Compact(ctx, 100)
		refused(t, "a compaction of the future", err, rpctypes.ErrFutureRev)
		if got, err := c.Get(ctx, "k", clientv3.WithRev(6)); err != nil || string(got.Kvs[0].Value) != "6" {
			t.Errorf("a read at the compacted revision: %v, %v", got, err)
		}
		for rev, compacted := range map[int64]int64{5: 6, 1: 6, -5: 6} {
			r := <-c.Watch(ctx, "k", clientv3.WithRev(rev))
			if !r.Canceled || !errors.Is(r.Err(), rpctypes.ErrCompacted) || rev > 0 && r.CompactRevision != compacted {
				t.Errorf("a watch from %d: %v, %v", rev, r, r.Err())
			}
		}
		watch := c.Watch(ctx, "k", clientv3.WithRev(6), clientv3.WithPrevKV())
		if e := next(t, watch).Events[0]; string(e.Kv.Value) != "6" || e.PrevKv != nil {
			t.Errorf("the event at the compacted revision is %v", e)
		}
	})
}
