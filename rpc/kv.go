package rpc

import (
	"context"

	"github.com/conclavehq/conclave/cluster"
	logv1 "github.com/conclavehq/conclave/proto/gen/conclave/log/v1"
	conclavev1 "github.com/conclavehq/conclave/proto/gen/conclave/v1"
)

type kvHandler struct{ *core }

func (h kvHandler) Put(ctx context.Context, req *conclavev1.PutRequest) (*conclavev1.PutResponse, error) {
	err := validated(req, func(c *check) {
		c.put(req)
		c.guards(req.GetGuards())
	})
	if err != nil {
		return nil, err
	}
	put := putCommand(req)
	if len(req.GetGuards()) > 0 {
		result, revision, err := h.guarded(ctx, req, req.GetGuards(), &logv1.TxnOp{Op: &logv1.TxnOp_Put{Put: put}})
		if err != nil {
			return nil, err
		}
		return putResponse(revision, result.GetPut()), nil
	}
	result, _, err := h.propose(ctx, req, &logv1.Command{Body: &logv1.Command_Put{Put: put}})
	if err != nil {
		return nil, err
	}
	return putResponse(result.GetRevision(), result.GetPut()), nil
}

// guarded does one operation in a transaction with guards.
func (h kvHandler) guarded(ctx context.Context, req mutation, guards []*conclavev1.Guard, op *logv1.TxnOp) (*logv1.TxnOpResult, int64, error) {
	txn := &logv1.Txn{Guards: logGuards(guards), Success: []*logv1.TxnOp{op}}
	result, _, err := h.propose(ctx, req, &logv1.Command{Body: &logv1.Command_Txn{Txn: txn}})
	if err != nil {
		return nil, 0, err
	}
	var first *logv1.TxnOpResult
	if results := result.GetTxn().GetResults(); len(results) > 0 {
		first = results[0]
	}
	return first, result.GetRevision(), nil
}

func (h kvHandler) Get(ctx context.Context, req *conclavev1.GetRequest) (*conclavev1.GetResponse, error) {
	if err := asked(req, func(c *check) { c.get(req) }); err != nil {
		return nil, err
	}
	read := &logv1.Range{Key: []byte(req.GetKey()), Revision: req.GetRevision()}
	answer, err := h.read(ctx, req.GetNamespace(), req.GetSerializable(), req.GetMinRevision(), read)
	if err != nil {
		return nil, err
	}
	out := &conclavev1.GetResponse{Revision: answer.GetRevision()}
	if kvs := answer.GetRange().GetKvs(); len(kvs) > 0 {
		out.Kv = keyValue(kvs[0])
	}
	return out, nil
}

func (h kvHandler) Range(ctx context.Context, req *conclavev1.RangeRequest) (*conclavev1.RangeResponse, error) {
	if err := asked(req, func(c *check) { c.rangeRead(req) }); err != nil {
		return nil, err
	}
	answer, err := h.read(ctx, req.GetNamespace(), req.GetSerializable(), req.GetMinRevision(), rangeQuery(req))
	if err != nil {
		return nil, err
	}
	return rangeResponse(answer.GetRevision(), answer.GetRange(), req.GetKeysOnly()), nil
}

// read answers from the local state if the caller allows it and the state is
// not older than what the caller has seen; else linearizably.
func (h kvHandler) read(ctx context.Context, namespace string, serializable bool, minRevision int64, q *logv1.Range) (*logv1.Answer, error) {
	where, err := h.cluster.Namespace(ctx, namespace)
	if err != nil {
		return nil, unanswered(ctx, err)
	}
	query := func(read cluster.ReadOptions) (*logv1.Answer, error) {
		return h.ask(ctx, where, read, &logv1.Query{Body: &logv1.Query_Range{Range: q}})
	}
	if serializable {
		answer, err := query(local)
		if err == nil && answer.GetRevision() >= minRevision {
			return answer, nil
		}
		// A refusal may come from an old state, too: a revision that has not
		// happened here yet.
	}
	answer, err := query(linearizable)
	if err != nil {
		return nil, err
	}
	if answer.GetRevision() < minRevision {
		f := fail(conclavev1.ErrorReason_ERROR_REASON_FUTURE_REVISION,
			"min_revision %d has not happened yet; the current revision is %d", minRevision, answer.GetRevision())
		f.info.Revision = answer.GetRevision()
		return nil, f
	}
	return answer, nil
}

func (h kvHandler) Delete(ctx context.Context, req *conclavev1.DeleteRequest) (*conclavev1.DeleteResponse, error) {
	err := validated(req, func(c *check) {
		c.span(req.GetSpan())
		c.guards(req.GetGuards())
	})
	if err != nil {
		return nil, err
	}
	del := deleteCommand(req)
	if len(req.GetGuards()) > 0 {
		op := &logv1.TxnOp{Op: &logv1.TxnOp_DeleteRange{DeleteRange: del}}
		result, revision, err := h.guarded(ctx, req, req.GetGuards(), op)
		if err != nil {
			return nil, err
		}
		return deleteResponse(revision, result.GetDeleteRange()), nil
	}
	result, _, err := h.propose(ctx, req, &logv1.Command{Body: &logv1.Command_DeleteRange{DeleteRange: del}})
	if err != nil {
		return nil, err
	}
	return deleteResponse(result.GetRevision(), result.GetDeleteRange()), nil
}

func (h kvHandler) Txn(ctx context.Context, req *conclavev1.TxnRequest) (*conclavev1.TxnResponse, error) {
	if err := validated(req, func(c *check) { c.txn(req) }); err != nil {
		return nil, err
	}
	result, _, err := h.propose(ctx, req, &logv1.Command{Body: &logv1.Command_Txn{Txn: txnCommand(req)}})
	if err != nil {
		return nil, err
	}
	return txnResponse(result.GetRevision(), req, result.GetTxn()), nil
}

func (h kvHandler) Compact(ctx context.Context, req *conclavev1.CompactRequest) (*conclavev1.CompactResponse, error) {
	err := validated(req, func(c *check) { c.revision("revision", req.GetRevision()) })
	if err != nil {
		return nil, err
	}
	compact := &logv1.Compact{Revision: req.GetRevision()}
	result, _, err := h.propose(ctx, req, &logv1.Command{Body: &logv1.Command_Compact{Compact: compact}})
	if err != nil {
		return nil, err
	}
	return &conclavev1.CompactResponse{Revision: result.GetRevision()}, nil
}
