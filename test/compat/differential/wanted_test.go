package differential

import (
	"bytes"
	"fmt"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// This file has every difference between Conclave and etcd 3.7.3 that the test
// lets pass. TestWantedDifferences shows each of them.
//
// 1. A transaction that could write a key twice is refused. etcd refuses most of
// them. It accepts a put in one nested transaction and a delete of the same key
// in a later one, and a delete with range_end "\0" in one nested transaction and
// a put of a key in that range in another, because that range looks empty to its
// check. It applies these in an order that depends on the transaction, or panics
// while it applies them, and again whenever it is started (etcd#16380,
// etcd#22395, etcd#22445). Here they are duplicate keys like all others. (run.refused)
//
// 2. Keys that a sort target does not tell apart stay in the order of the keys.
// etcd sorts with an algorithm that keeps it only up to twelve keys, and leaves
// an order that nothing promises beyond that. (run.ties; in transactions
// generate_kv_test.go sorts fewer keys)
//
// 3. RangeStream refuses a sort target without an order, as it does any other
// order than that of the keys. etcd's check misses it: it sorts each part by
// itself and goes on from the key that it put last, so that keys come twice or
// never, and large values may keep it from ever coming to an end. (run.badStream)

// duplicateKey is how such transactions are refused.
var duplicateKey = answer{
	code:    status.Code(rpctypes.ErrGRPCDuplicateKey),
	problem: status.Convert(rpctypes.ErrGRPCDuplicateKey).Message(),
}

// refused handles a transaction that could write a key twice. If etcd refuses it,
// it is like any other. If not, it must not be sent to etcd, and Conclave has to
// refuse it. Whether etcd does is found out with a branch that is never taken.
func (r *run) refused(o operation, txn *pb.TxnRequest) (send bool, err error) {
	never := &pb.Compare{
		Target:      pb.Compare_VERSION,
		TargetUnion: &pb.Compare_Version{Version: -1},
		Key:         barrierKey,
	}
	inner := r.resolve(r.sides[0], txn).(*pb.TxnRequest)
	check := r.sides[0].perform(operation{}, &pb.TxnRequest{
		Compare: []*pb.Compare{never},
		Success: []*pb.RequestOp{{Request: &pb.RequestOp_RequestTxn{RequestTxn: inner}}},
	})
	switch {
	case check.code == codes.OK:
	case check.problem == rpctypes.ErrorDesc(rpctypes.ErrGRPCTooManyOps):
		return false, nil // perhaps because of the additional level: too hot to try
	case check.code == codes.InvalidArgument:
		return true, nil
	default:
		return false, fmt.Errorf("%s does not check a transaction: %s", r.sides[0].name, check)
	}
	r.wanted++
	if r.sides[1].oracle {
		return false, nil
	}
	a := r.sides[1].perform(o, r.resolve(r.sides[1], txn))
	r.steps = append(r.steps, step{operation: o, answers: [2]answer{duplicateKey, a}})
	if a.code != duplicateKey.code || a.problem != duplicateKey.problem {
		r.found = &difference{
			what:    "a transaction that writes a key twice, which etcd must not be sent, is not refused",
			answers: [2]string{duplicateKey.String(), a.String()},
		}
	}
	return false, nil
}

// noOrder is how RangeStream refuses what it does not sort by.
var noOrder = answer{code: codes.Unimplemented, problem: "RangeStream does not support custom sort orders"}

// badStream handles a stream that etcd would not refuse and cannot do right.
func (r *run) badStream(o operation, request *pb.RangeRequest) (send bool) {
	_, known := pb.RangeRequest_SortTarget_name[int32(request.GetSortTarget())]
	if !o.streamed || len(request.GetKey()) == 0 || !known || request.GetSortTarget() == pb.RangeRequest_KEY ||
		request.GetSortOrder() != pb.RangeRequest_NONE {
		return true
	}
	r.wanted++
	if !r.sides[1].oracle {
		r.compare(o, false, [2]answer{noOrder, r.sides[1].perform(o, r.resolve(r.sides[1], request))})
	}
	return false
}

// footprint is what a transaction may write.
type footprint struct {
	puts    map[string]bool
	deletes []*pb.DeleteRangeRequest
}

// writesTwice tells whether a key could be put twice, or put and deleted, on one
// way through a transaction.
func writesTwice(txn *pb.TxnRequest) bool {
	_, twice := txnFootprint(txn)
	return twice
}

func txnFootprint(txn *pb.TxnRequest) (f footprint, twice bool) {
	then, twice := branchFootprint(txn.GetSuccess())
	if twice {
		return f, true
	}
	otherwise, twice := branchFootprint(txn.GetFailure())
	if twice {
		return f, true
	}
	then.merge(otherwise)
	return then, false
}

// branchFootprint is what operations in a row may write. Any of them meets all
// others.
func branchFootprint(ops []*pb.RequestOp) (footprint, bool) {
	f := footprint{puts: make(map[string]bool)}
	for _, op := range ops {
		one := footprint{puts: make(map[string]bool)}
		switch union := op.GetRequest().(type) {
		case *pb.RequestOp_RequestPut:
			one.puts[string(union.RequestPut.GetKey())] = true
		case *pb.RequestOp_RequestDeleteRange:
			one.deletes = append(one.deletes, union.RequestDeleteRange)
		case *pb.RequestOp_RequestTxn:
			inner, twice := txnFootprint(union.RequestTxn)
			if twice {
				return f, true
			}
			one = inner
		}
		if f.meets(one) || one.meets(f) {
			return f, true
		}
		f.merge(one)
	}
	return f, false
}

// meets tells whether f puts what other puts or deletes.
func (f footprint) meets(other footprint) bool {
	for key := range f.puts {
		if other.puts[key] {
			return true
		}
		for _, d := range other.deletes {
			if covers(d.GetKey(), d.GetRangeEnd(), []byte(key)) {
				return true
			}
		}
	}
	return false
}

func (f *footprint) merge(other footprint) {
	for key := range other.puts {
		f.puts[key] = true
	}
	f.deletes = append(f.deletes, other.deletes...)
}

// covers tells whether a range contains a key.
func covers(from, end, key []byte) bool {
	switch {
	case len(end) == 0:
		return bytes.Equal(key, from)
	case bytes.Equal(end, []byte{0}):
		return bytes.Compare(key, from) >= 0
	default:
		return bytes.Compare(key, from) >= 0 && bytes.Compare(key, end) < 0
	}
}
