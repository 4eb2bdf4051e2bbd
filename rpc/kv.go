package rpc

import (
	"context"

	"github.com/conclavehq/conclave/internal/planted"
	logv1 "github.com/conclavehq/conclave/proto/gen/conclave/log/v1"
	conclavev1 "github.com/conclavehq/conclave/proto/gen/conclave/v1"
)

type kvHandler struct{ *core }

func (h kvHandler) Put(ctx context.Context, req *conclavev1.PutRequest) (*conclavev1.PutResponse, error) {
	return mutate(ctx, h.core, req, planPut)
}

func planPut(req *conclavev1.PutRequest) (out change[conclavev1.PutResponse], err error) {
	err = validated(req, func(c *check) {
		c.put(req)
		c.guards(req.GetGuards())
	})
	if err != nil {
		return out, err
	}
	out.of = req
	if len(req.GetGuards()) == 0 {
		out.command = &logv1.Command{Body: &logv1.Command_Put{Put: putCommand(req)}}
		out.respond = func(result *logv1.Result) *conclavev1.PutResponse {
			return putResponse(result.GetRevision(), result.GetPut())
		}
		return out, nil
	}
	out.command = guarded(req.GetGuards(), &logv1.TxnOp{Op: &logv1.TxnOp_Put{Put: putCommand(req)}})
	out.respond = func(result *logv1.Result) *conclavev1.PutResponse {
		return putResponse(result.GetRevision(), onlyResult(result).GetPut())
	}
	return out, nil
}

// guarded does one operation in a transaction with guards.
func guarded(guards []*conclavev1.Guard, op *logv1.TxnOp) *logv1.Command {
	txn := &logv1.Txn{Guards: logGuards(guards), Success: []*logv1.TxnOp{op}}
	return &logv1.Command{Body: &logv1.Command_Txn{Txn: txn}}
}

// onlyResult is that of the operation of a guarded command.
func onlyResult(result *logv1.Result) *logv1.TxnOpResult {
	if results := result.GetTxn().GetResults(); len(results) > 0 {
		return results[0]
	}
	return nil
}

func (h kvHandler) Get(ctx context.Context, req *conclavev1.GetRequest) (*conclavev1.GetResponse, error) {
	return inquire(ctx, h.core, req, planGet)
}

func planGet(req *conclavev1.GetRequest) (out question[conclavev1.GetResponse], err error) {
	read := &logv1.Range{Key: []byte(req.GetKey()), Revision: req.GetRevision()}
	out = question[conclavev1.GetResponse]{
		namespace:    req.GetNamespace(),
		query:        &logv1.Query{Body: &logv1.Query_Range{Range: read}},
		serializable: req.GetSerializable(),
		minRevision:  req.GetMinRevision(),
		respond: func(answer *logv1.Answer) *conclavev1.GetResponse {
			out := &conclavev1.GetResponse{Revision: answer.GetRevision()}
			if kvs := answer.GetRange().GetKvs(); len(kvs) > 0 {
				out.Kv = keyValue(kvs[0])
			}
			return out
		},
	}
	return out, asked(req, func(c *check) { c.get(req) })
}

func (h kvHandler) Range(ctx context.Context, req *conclavev1.RangeRequest) (*conclavev1.RangeResponse, error) {
	return inquire(ctx, h.core, req, planRange)
}

func planRange(req *conclavev1.RangeRequest) (out question[conclavev1.RangeResponse], err error) {
	if err := asked(req, func(c *check) { c.rangeRead(req) }); err != nil {
		return out, err
	}
	return question[conclavev1.RangeResponse]{
		namespace:    req.GetNamespace(),
		query:        &logv1.Query{Body: &logv1.Query_Range{Range: rangeQuery(req)}},
		serializable: req.GetSerializable(),
		minRevision:  req.GetMinRevision(),
		respond: func(answer *logv1.Answer) *conclavev1.RangeResponse {
			return rangeResponse(answer.GetRevision(), answer.GetRange(), req.GetKeysOnly())
		},
	}, nil
}

// notBefore refuses an answer from before a revision.
func notBefore(answer *logv1.Answer, minRevision int64) error {
	// mutant_26 (ZooKeeper's reads at another server): a local read goes back behind
	// what its caller has seen.
	if answer.GetRevision() >= minRevision || planted.Bug == planted.ReadGoesBack {
		return nil
	}
	f := fail(conclavev1.ErrorReason_ERROR_REASON_FUTURE_REVISION,
		"min_revision %d has not happened yet; the current revision is %d", minRevision, answer.GetRevision())
	f.info.Revision = answer.GetRevision()
	return f
}

func (h kvHandler) Delete(ctx context.Context, req *conclavev1.DeleteRequest) (*conclavev1.DeleteResponse, error) {
	return mutate(ctx, h.core, req, planDelete)
}

func planDelete(req *conclavev1.DeleteRequest) (out change[conclavev1.DeleteResponse], err error) {
	err = validated(req, func(c *check) {
		c.span(req.GetSpan())
		c.guards(req.GetGuards())
	})
	if err != nil {
		return out, err
	}
	out.of = req
	if len(req.GetGuards()) == 0 {
		out.command = &logv1.Command{Body: &logv1.Command_DeleteRange{DeleteRange: deleteCommand(req)}}
		out.respond = func(result *logv1.Result) *conclavev1.DeleteResponse {
			return deleteResponse(result.GetRevision(), result.GetDeleteRange())
		}
		return out, nil
	}
	out.command = guarded(req.GetGuards(), &logv1.TxnOp{Op: &logv1.TxnOp_DeleteRange{DeleteRange: deleteCommand(req)}})
	out.respond = func(result *logv1.Result) *conclavev1.DeleteResponse {
		return deleteResponse(result.GetRevision(), onlyResult(result).GetDeleteRange())
	}
	return out, nil
}

func (h kvHandler) Txn(ctx context.Context, req *conclavev1.TxnRequest) (*conclavev1.TxnResponse, error) {
	return mutate(ctx, h.core, req, planTxn)
}

func planTxn(req *conclavev1.TxnRequest) (out change[conclavev1.TxnResponse], err error) {
	if err := validated(req, func(c *check) { c.txn(req) }); err != nil {
		return out, err
	}
	out.of, out.command = req, &logv1.Command{Body: &logv1.Command_Txn{Txn: txnCommand(req)}}
	out.respond = func(result *logv1.Result) *conclavev1.TxnResponse {
		return txnResponse(result.GetRevision(), req, result.GetTxn())
	}
	return out, nil
}

func (h kvHandler) Compact(ctx context.Context, req *conclavev1.CompactRequest) (*conclavev1.CompactResponse, error) {
	return mutate(ctx, h.core, req, planCompact)
}

func planCompact(req *conclavev1.CompactRequest) (out change[conclavev1.CompactResponse], err error) {
	err = validated(req, func(c *check) { c.revision("revision", req.GetRevision()) })
	if err != nil {
		return out, err
	}
	compact := &logv1.Compact{Revision: req.GetRevision()}
	out.of, out.command = req, &logv1.Command{Body: &logv1.Command_Compact{Compact: compact}}
	out.respond = func(result *logv1.Result) *conclavev1.CompactResponse {
		return &conclavev1.CompactResponse{Revision: result.GetRevision()}
	}
	return out, nil
}
