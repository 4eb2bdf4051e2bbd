package workload

import (
	"context"

	"go.etcd.io/etcd/api/v3/mvccpb"
	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/conclavehq/conclave/test/faults/history"
)

// askEtcd asks with the call that is made for it where there is one, else with a
// transaction.
func (c *client) askEtcd(ctx context.Context, r *history.Record) error {
	if len(r.Then) == 1 && len(r.If)+len(r.Else) == 0 {
		err := c.askEtcdOne(ctx, r, &r.Then[0])
		r.Succeeded = err == nil
		return err
	}
	res, err := c.etcd.Txn(ctx).If(comparesOf(r.If)...).Then(etcdOpsOf(r.Then)...).Else(etcdOpsOf(r.Else)...).Commit()
	if err != nil {
		return err
	}
	answerEtcd(r, res)
	return nil
}

// answerEtcd puts the answer to a transaction into its record.
func answerEtcd(r *history.Record, res *clientv3.TxnResponse) {
	r.Revision, r.Succeeded = res.Header.Revision, res.Succeeded
	done := r.Then
	if !r.Succeeded {
		done = r.Else
	}
	for i, result := range res.Responses {
		if found := result.GetResponseRange(); found != nil {
			done[i].Found = foundOf(found.Kvs)
		}
		if deleted := result.GetResponseDeleteRange(); deleted != nil {
			done[i].Deleted = deleted.Deleted
		}
	}
}

func (c *client) askEtcdOne(ctx context.Context, r *history.Record, op *history.Op) error {
	opts := etcdOptions(op)
	if r.At > 0 {
		opts = append(opts, clientv3.WithRev(r.At))
	}
	if r.Serializable {
		opts = append(opts, clientv3.WithSerializable())
	}
	switch op.Type {
	case history.Put:
		res, err := c.etcd.Put(ctx, op.Key, op.Value, opts...)
		if err == nil {
			r.Revision = res.Header.Revision
		}
		return err
	case history.Delete:
		res, err := c.etcd.Delete(ctx, op.Key, opts...)
		if err == nil {
			r.Revision, op.Deleted = res.Header.Revision, res.Deleted
		}
		return err
	}
	res, err := c.etcd.Get(ctx, op.Key, opts...)
	if err == nil {
		r.Revision, op.Found = res.Header.Revision, foundOf(res.Kvs)
	}
	return err
}

func etcdOptions(op *history.Op) []clientv3.OpOption {
	var opts []clientv3.OpOption
	if op.End != "" {
		opts = append(opts, clientv3.WithRange(op.End))
	}
	if op.Lease != 0 {
		opts = append(opts, clientv3.WithLease(clientv3.LeaseID(op.Lease)))
	}
	return opts
}

func etcdOpsOf(ops []history.Op) []clientv3.Op {
	out := make([]clientv3.Op, len(ops))
	for i := range ops {
		switch op := &ops[i]; op.Type {
		case history.Put:
			out[i] = clientv3.OpPut(op.Key, op.Value, etcdOptions(op)...)
		case history.Delete:
			out[i] = clientv3.OpDelete(op.Key, etcdOptions(op)...)
		default:
			out[i] = clientv3.OpGet(op.Key, etcdOptions(op)...)
		}
	}
	return out
}

func comparesOf(ifs []history.Op) []clientv3.Cmp {
	out := make([]clientv3.Cmp, len(ifs))
	for i, c := range ifs {
		switch c.Type {
		case history.IfValue:
			out[i] = clientv3.Compare(clientv3.Value(c.Key), "=", c.Value)
		case history.IfModRevision:
			out[i] = clientv3.Compare(clientv3.ModRevision(c.Key), "=", c.Number)
		default:
			out[i] = clientv3.Compare(clientv3.Version(c.Key), "=", c.Number)
		}
	}
	return out
}

func foundOf(kvs []*mvccpb.KeyValue) []history.KV {
	var out []history.KV
	for _, kv := range kvs {
		out = append(out, etcdKVOf(kv))
	}
	return out
}

func etcdKVOf(kv *mvccpb.KeyValue) history.KV {
	return history.KV{Key: string(kv.Key), Value: string(kv.Value), Created: kv.CreateRevision,
		Modified: kv.ModRevision, Version: kv.Version, Lease: kv.Lease}
}
