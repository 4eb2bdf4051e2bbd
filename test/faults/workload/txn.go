package workload

import (
	"context"

	"github.com/conclavehq/conclave/test/faults/history"
)

// Operations and comparisons as history has them.

func put(key, value string) history.Op { return history.Op{Type: history.Put, Key: key, Value: value} }
func get(key string) history.Op        { return history.Op{Type: history.Get, Key: key} }
func remove(key string) history.Op     { return history.Op{Type: history.Delete, Key: key} }

func getPrefix(prefix string) history.Op {
	return history.Op{Type: history.Get, Key: prefix, End: prefixEnd(prefix)}
}

func removePrefix(prefix string) history.Op {
	return history.Op{Type: history.Delete, Key: prefix, End: prefixEnd(prefix)}
}

func ifValue(key, value string) history.Op {
	return history.Op{Type: history.IfValue, Key: key, Value: value}
}

func ifModRevision(key string, n int64) history.Op {
	return history.Op{Type: history.IfModRevision, Key: key, Number: n}
}

func ifVersion(key string, n int64) history.Op {
	return history.Op{Type: history.IfVersion, Key: key, Number: n}
}

// prefixEnd is the key after all that start with a prefix, which does not end in
// 0xff.
func prefixEnd(prefix string) string {
	return prefix[:len(prefix)-1] + string(rune(prefix[len(prefix)-1]+1))
}

// changes reports whether a transaction can write.
func changes(r *history.Record) bool {
	for _, ops := range [][]history.Op{r.Then, r.Else} {
		for _, op := range ops {
			if op.Type == history.Put || op.Type == history.Delete {
				return true
			}
		}
	}
	return false
}

// ask makes the transaction of a record, which has If, Then, Else, and how to
// read, and fills in the answer.
func (c *client) ask(ctx context.Context, r *history.Record) error {
	if c.etcd != nil {
		return c.askEtcd(ctx, r)
	}
	return c.askSDK(ctx, r)
}

// do makes a transaction and records it. It reports whether it was done. What only
// reads is tried a few times.
func (c *client) do(r *history.Record) bool {
	if !changes(r) {
		return c.doRead(r)
	}
	c.stamp(r, history.Txn)
	ctx, cancel := c.deadline()
	defer cancel()
	c.changed(r, c.ask(ctx, r))
	return r.Outcome == history.OK
}

func (c *client) doRead(r *history.Record) bool {
	_ = c.retried(func(ctx context.Context) error {
		c.stamp(r, history.Txn)
		err := c.ask(ctx, r)
		c.read(r, err)
		return err
	})
	return r.Outcome == history.OK
}

// stamp puts what all records have into one whose call is made now.
func (c *client) stamp(r *history.Record, kind history.Kind) {
	now := c.begin(kind)
	r.Client, r.Workload, r.Kind, r.Via, r.Node, r.Namespace = now.Client, now.Workload, now.Kind, now.Via, now.Node, now.Namespace
	r.Call = now.Call
}
