package workload

import (
	conclave "github.com/conclavehq/conclave/sdk"
	"github.com/conclavehq/conclave/test/faults/history"
)

// compactions forgets the past all the time, and reads what is forgotten, what is
// not, and what is yet to come.
func compactions(l *Load) finish {
	l.spawn(history.Compactions, mix{clients: 2, etcd: 2, rate: 4}, compact)
	l.spawn(history.Compactions, mix{clients: 6, etcd: 3, rate: 120}, readOld)
	return nil
}

// compact forgets what is a bit behind the log: never anything that the log has not
// told yet. Half the time the last revision that it forgets deleted something: that
// revision is still to be told to watches that begin with it.
func compact(c *client) {
	told := c.load.log.last.Load()
	lag := 50 + c.rand.Int64N(200)
	if c.rand.IntN(3) > 0 {
		lag = 500 + c.rand.Int64N(3000)
	}
	if told <= lag {
		return
	}
	r := c.begin(history.Compacted)
	r.Revision = told - lag
	if deleted := c.load.deletes.upTo(r.Revision); deleted > c.load.compacted.Load() && c.rand.IntN(2) == 0 {
		r.Revision = deleted
	}
	ctx, cancel := c.deadline()
	defer cancel()
	var err error
	if c.via == history.Etcd {
		_, err = c.etcd.Compact(ctx, r.Revision)
	} else {
		err = c.sdk.Compact(ctx, conclave.Revision(r.Revision))
	}
	c.changed(&r, err)
	if r.Outcome == history.OK {
		raise(&c.load.compacted, r.Revision)
	}
}

// readOld reads around the revisions where the answer changes.
func readOld(c *client) {
	head, compacted := c.load.head.Load(), c.load.compacted.Load()
	r := &history.Record{}
	switch c.rand.IntN(4) {
	case 0:
		r.At = compacted - 20 + c.rand.Int64N(40)
	case 1:
		r.At = 1 + c.rand.Int64N(max(head, 1))
	case 2:
		r.At = head - 10 + c.rand.Int64N(20)
	default:
		r.At = head + 1 + c.rand.Int64N(100000)
	}
	r.At = max(r.At, 1)
	r.Then = []history.Op{c.load.keys.reading(c)}
	r.Serializable = c.rand.IntN(8) == 0
	c.doRead(r)
}
