package workload

import (
	"context"
	"errors"

	conclave "github.com/conclavehq/conclave/sdk"
	"github.com/conclavehq/conclave/test/faults/history"
)

// askSDK asks with the call that is made for it where there is one, else with a
// transaction.
func (c *client) askSDK(ctx context.Context, r *history.Record) error {
	if len(r.Then) == 1 && len(r.If)+len(r.Else) == 0 {
		err := c.askOne(ctx, r, &r.Then[0])
		r.Succeeded = err == nil
		return err
	}
	t := c.sdk.Txn().If(conditionsOf(r.If)...).Then(opsOf(r.Then)...).Else(opsOf(r.Else)...)
	res, err := t.Commit(ctx)
	if err != nil {
		return err
	}
	answer(r, res)
	return nil
}

// answer puts the answer to a transaction into its record.
func answer(r *history.Record, res *conclave.TxnResult) {
	r.Revision, r.Succeeded = int64(res.Revision), res.Succeeded
	done := r.Then
	if !r.Succeeded {
		done = r.Else
	}
	for i, result := range res.Results {
		if result.Range != nil {
			done[i].Found = kvsOf(result.Range.KVs)
		}
		if result.Deleted != nil {
			done[i].Deleted = result.Deleted.Count
		}
	}
}

func (c *client) askOne(ctx context.Context, r *history.Record, op *history.Op) error {
	switch op.Type {
	case history.Put:
		revision, err := c.sdk.Put(ctx, op.Key, op.Value, putOptions(op)...)
		r.Revision = int64(revision)
		return err
	case history.Delete:
		res, err := c.sdk.Delete(ctx, op.Key, deleteOptions(op)...)
		r.Revision, op.Deleted = int64(res.Revision), res.Count
		return err
	}
	if op.End == "" && r.At > 0 && c.rand.IntN(2) == 0 {
		return c.getOne(ctx, r, op)
	}
	opts := spanOptions[conclave.RangeOption](op)
	for _, opt := range readOptions(r) {
		opts = append(opts, opt)
	}
	res, err := c.sdk.Range(ctx, op.Key, opts...)
	if err != nil {
		return err
	}
	r.Revision, op.Found = int64(res.Revision), kvsOf(res.KVs)
	return nil
}

// getOne reads a key with Get. It does not tell the revision of its answer when the
// key is there, so it is for reads of the past, which are judged without.
func (c *client) getOne(ctx context.Context, r *history.Record, op *history.Op) error {
	kv, err := c.sdk.Get(ctx, op.Key, readOptions(r)...)
	if errors.Is(err, conclave.ErrKeyNotFound) {
		e, _ := errors.AsType[*conclave.Error](err)
		r.Revision = int64(e.Revision)
		return nil
	}
	if err == nil {
		op.Found = []history.KV{kvOf(kv)}
	}
	return err
}

func readOptions(r *history.Record) []conclave.ReadOption {
	var opts []conclave.ReadOption
	if r.At > 0 {
		opts = append(opts, conclave.AtRevision(conclave.Revision(r.At)))
	}
	if r.Serializable {
		opts = append(opts, conclave.Serializable(conclave.Revision(r.Since)))
	}
	return opts
}

// spanOptions say that an operation is about a range.
func spanOptions[T any](op *history.Op) []T {
	switch {
	case op.End == "":
		return nil
	case op.End == prefixEnd(op.Key):
		return []T{any(conclave.WithPrefix()).(T)}
	}
	return []T{any(conclave.WithEnd(op.End)).(T)}
}

func deleteOptions(op *history.Op) []conclave.DeleteOption {
	return spanOptions[conclave.DeleteOption](op)
}

func putOptions(op *history.Op) []conclave.PutOption {
	if op.Lease == 0 {
		return nil
	}
	return []conclave.PutOption{conclave.WithLease(conclave.LeaseID(op.Lease))}
}

func conditionsOf(ifs []history.Op) []conclave.Condition {
	out := make([]conclave.Condition, len(ifs))
	for i, c := range ifs {
		switch c.Type {
		case history.IfValue:
			out[i] = conclave.Value(c.Key).Equal(c.Value)
		case history.IfModRevision:
			out[i] = conclave.ModRevision(c.Key).Equal(conclave.Revision(c.Number))
		default:
			out[i] = conclave.Version(c.Key).Equal(c.Number)
		}
	}
	return out
}

func opsOf(ops []history.Op) []conclave.Op {
	out := make([]conclave.Op, len(ops))
	for i := range ops {
		switch op := &ops[i]; op.Type {
		case history.Put:
			out[i] = conclave.OpPut(op.Key, op.Value, putOptions(op)...)
		case history.Delete:
			out[i] = conclave.OpDelete(op.Key, deleteOptions(op)...)
		default:
			out[i] = conclave.OpGet(op.Key, spanOptions[conclave.RangeOption](op)...)
		}
	}
	return out
}

func kvsOf(kvs []conclave.KV) []history.KV {
	var out []history.KV
	for _, kv := range kvs {
		out = append(out, kvOf(kv))
	}
	return out
}
