package differential

import (
	"bytes"
	"fmt"
	"math"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"google.golang.org/protobuf/proto"
)

type message = proto.Message

func (g *generator) put() *pb.PutRequest {
	r := &pb.PutRequest{Key: g.key(), Value: g.value(), PrevKv: g.one(3)}
	if g.one(4) {
		r.Lease = g.leaseID()
	}
	if g.one(8) {
		r.IgnoreValue = true
		if !g.one(8) {
			r.Value = nil
		}
	}
	if g.one(8) {
		r.IgnoreLease = true
		if !g.one(8) {
			r.Lease = 0
		}
	}
	return r
}

func (g *generator) deleteRange() *pb.DeleteRangeRequest {
	key := g.key()
	return &pb.DeleteRangeRequest{Key: key, RangeEnd: g.rangeEnd(key), PrevKv: g.one(2)}
}

func (g *generator) rangeRequest() *pb.RangeRequest {
	key := g.key()
	r := &pb.RangeRequest{Key: key, RangeEnd: g.rangeEnd(key), Revision: g.revision()}
	if g.one(3) {
		r.Limit = some[int64](g, 1, 2, 3, 5, 10, 1000, -1, math.MaxInt64, math.MinInt64)
	}
	if g.one(3) {
		r.SortOrder = some(g, pb.RangeRequest_NONE, pb.RangeRequest_ASCEND, pb.RangeRequest_DESCEND)
	}
	if g.one(3) {
		r.SortTarget = pb.RangeRequest_SortTarget(g.IntN(5))
	}
	if g.one(120) {
		r.SortOrder = some[pb.RangeRequest_SortOrder](g, 3, -1)
	}
	if g.one(120) {
		r.SortTarget = some[pb.RangeRequest_SortTarget](g, 5, -1)
	}
	r.Serializable, r.KeysOnly, r.CountOnly = g.one(4), g.one(5), g.one(8)
	if g.one(4) {
		r.MinModRevision, r.MaxModRevision = g.bound(), g.bound()
		r.MinCreateRevision, r.MaxCreateRevision = g.bound(), g.bound()
	}
	return r
}

// innerRange is a read in a transaction. If it sorts by anything but the key, it
// sorts no more keys than etcd keeps in order when they are equal.
func (g *generator) innerRange() *pb.RangeRequest {
	r := g.rangeRequest()
	if r.GetSortTarget() != pb.RangeRequest_KEY {
		r.Key, r.RangeEnd = []byte("a"), some(g, nil, []byte("b"), []byte("a/2"))
	}
	return r
}

// streamable is a range that RangeStream mostly accepts.
func (g *generator) streamable() *pb.RangeRequest {
	r := g.rangeRequest()
	if !g.one(6) {
		r.SortOrder, r.SortTarget = some(g, pb.RangeRequest_NONE, pb.RangeRequest_ASCEND), pb.RangeRequest_KEY
		r.MinModRevision, r.MaxModRevision, r.MinCreateRevision, r.MaxCreateRevision = 0, 0, 0, 0
	}
	return r
}

func (g *generator) compaction() *pb.CompactionRequest {
	r := &pb.CompactionRequest{Physical: g.one(2)}
	switch {
	case g.one(3):
		r.Revision = g.revision() // repeated, future, senseless
	case g.one(6):
		r.Revision = atHead
	default:
		r.Revision = atHead - int64(g.IntN(300))
	}
	return r
}

// txn may hold others, so many levels down.
func (g *generator) txn(depth int) *pb.TxnRequest {
	r := &pb.TxnRequest{}
	for range g.IntN(3) {
		r.Compare = append(r.Compare, g.compare())
	}
	r.Success, r.Failure = g.ops(depth), g.ops(depth)
	switch {
	case depth == 3 && g.one(150):
		r.Success = g.many(127 + g.IntN(3))
	case depth == 3 && g.one(150):
		for len(r.Compare) < 129 {
			r.Compare = append(r.Compare, g.compare())
		}
	case depth < 3 && g.one(100):
		r.Failure = g.many(124 + g.IntN(4)) // what is left of the budget
	}
	return r
}

func (g *generator) ops(depth int) []*pb.RequestOp {
	var ops []*pb.RequestOp
	for range g.IntN(4) {
		ops = append(ops, g.op(depth))
	}
	return ops
}

// many are more operations than anybody needs, and some of them one too many.
func (g *generator) many(n int) []*pb.RequestOp {
	var ops []*pb.RequestOp
	for i := range n {
		key := []byte(fmt.Sprintf("many/%03d", i))
		ops = append(ops, &pb.RequestOp{Request: &pb.RequestOp_RequestPut{RequestPut: &pb.PutRequest{Key: key}}})
	}
	return ops
}

func (g *generator) op(depth int) *pb.RequestOp {
	switch n := g.IntN(100); {
	case n < 35:
		return &pb.RequestOp{Request: &pb.RequestOp_RequestPut{RequestPut: g.put()}}
	case n < 65:
		return &pb.RequestOp{Request: &pb.RequestOp_RequestRange{RequestRange: g.innerRange()}}
	case n < 80:
		return &pb.RequestOp{Request: &pb.RequestOp_RequestDeleteRange{RequestDeleteRange: g.deleteRange()}}
	case n < 99 && depth > 0:
		return &pb.RequestOp{Request: &pb.RequestOp_RequestTxn{RequestTxn: g.txn(depth - 1)}}
	case n < 99:
		return &pb.RequestOp{Request: &pb.RequestOp_RequestRange{RequestRange: &pb.RangeRequest{Key: []byte("a")}}}
	default:
		return &pb.RequestOp{}
	}
}

func (g *generator) compare() *pb.Compare {
	c := &pb.Compare{
		Result: pb.Compare_CompareResult(g.IntN(4)),
		Target: pb.Compare_CompareTarget(g.IntN(5)),
		Key:    g.key(),
	}
	if g.one(4) {
		c.RangeEnd = g.rangeEnd(c.Key)
	}
	if g.one(40) {
		c.Result = some[pb.Compare_CompareResult](g, 4, -1)
	}
	of := c.Target
	switch {
	case g.one(40):
		c.Target = some[pb.Compare_CompareTarget](g, 5, -1)
	case g.one(15):
		of = pb.Compare_CompareTarget(g.IntN(5)) // which need not be the target
	case g.one(30):
		return c // compared with nothing
	}
	switch of {
	case pb.Compare_VERSION:
		c.TargetUnion = &pb.Compare_Version{Version: int64(g.IntN(4))}
	case pb.Compare_CREATE:
		c.TargetUnion = &pb.Compare_CreateRevision{CreateRevision: g.revision()}
	case pb.Compare_MOD:
		c.TargetUnion = &pb.Compare_ModRevision{ModRevision: g.revision()}
	case pb.Compare_VALUE:
		c.TargetUnion = &pb.Compare_Value{Value: g.value()}
	case pb.Compare_LEASE:
		lease := some(g, 0, g.leaseID())
		if c.Result == pb.Compare_GREATER || c.Result == pb.Compare_LESS {
			// Which of two ids is greater is up to the server that chose one of them.
			lease = some[int64](g, 0, -3, math.MinInt64, math.MaxInt64)
		}
		c.TargetUnion = &pb.Compare_Lease{Lease: lease}
	}
	return c
}

// largeValues are so large that events have to be sent in fragments, or that the
// request is refused by the server or by gRPC.
func (g *generator) largeValues() {
	prefix := []byte("large/")
	for _, size := range []int{1500 << 10, 1600 << 10, 2 << 20, 2200 << 10} {
		g.add(&pb.PutRequest{Key: prefix, Value: make([]byte, size)})
	}
	watch := &pb.WatchCreateRequest{Key: prefix, RangeEnd: prefixEnd(prefix), PrevKv: true, Fragment: true}
	g.create(watch)
	for _, letter := range []string{"l", "m", "n"} {
		txn := &pb.TxnRequest{}
		for i := range 3 {
			txn.Success = append(txn.Success, &pb.RequestOp{Request: &pb.RequestOp_RequestPut{RequestPut: &pb.PutRequest{
				Key:   fmt.Appendf(nil, "large/%d", i),
				Value: bytes.Repeat([]byte(letter), 450<<10),
			}}})
		}
		g.add(txn)
	}
	for _, fragment := range []bool{true, false} {
		again := proto.CloneOf(watch)
		again.StartRevision, again.Fragment = atHead-2, fragment
		g.create(again)
	}
	g.addTo(operation{request: &pb.RangeRequest{Key: prefix, RangeEnd: prefixEnd(prefix)}, streamed: true})
	g.add(&pb.DeleteRangeRequest{Key: prefix, RangeEnd: prefixEnd(prefix), PrevKv: true})
}
