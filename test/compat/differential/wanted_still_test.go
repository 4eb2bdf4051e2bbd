package differential

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"testing"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/mvccpb"
	"google.golang.org/grpc/codes"
)

// TestWantedDifferences shows each wanted difference: what etcd does, and that
// Conclave does not. When an etcd does not either, the list gets shorter.
func TestWantedDifferences(t *testing.T) {
	p := newPair(t, etcdSystem, conclaveSystem)
	for i, s := range p {
		t.Run(s.name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), startTimeout)
			defer cancel()
			w := wanted{t: t, ctx: ctx, side: newSide(ctx, s), etcd: i == 0}
			defer w.side.end()
			t.Run("1 a key written twice", w.writesTwice)
			t.Run("2 keys that are equal in what they are sorted by", w.ties)
			t.Run("3 a sorted stream", w.sortedStream)
		})
	}
}

// wanted is a system that does what etcd does, or what is wanted.
type wanted struct {
	t    *testing.T
	ctx  context.Context
	side *side
	etcd bool
}

func (w wanted) must(a answer) answer {
	w.t.Helper()
	if a.code != codes.OK {
		w.t.Fatal(a)
	}
	return a
}

func (w wanted) writesTwice(t *testing.T) {
	put := &pb.RequestOp{Request: &pb.RequestOp_RequestPut{RequestPut: &pb.PutRequest{Key: []byte("k")}}}
	remove := func(end string) *pb.RequestOp {
		return &pb.RequestOp{Request: &pb.RequestOp_RequestDeleteRange{
			RequestDeleteRange: &pb.DeleteRangeRequest{Key: []byte("k"), RangeEnd: []byte(end)},
		}}
	}
	nested := func(op *pb.RequestOp) *pb.RequestOp {
		return &pb.RequestOp{Request: &pb.RequestOp_RequestTxn{
			RequestTxn: &pb.TxnRequest{Success: []*pb.RequestOp{op}},
		}}
	}
	for name, ops := range map[string][]*pb.RequestOp{
		"a put, then a delete, each in a transaction": {nested(put), nested(remove(""))},
		"a delete of all keys from one on, and a put": {remove("\x00"), put},
	} {
		// In a branch that is not taken: etcd must not do it.
		txn := &pb.TxnRequest{
			Compare: []*pb.Compare{{Key: []byte("k"), TargetUnion: &pb.Compare_Version{Version: -1}}},
			Success: ops,
		}
		if !writesTwice(txn) {
			t.Errorf("%s: the test does not know that it writes twice", name)
		}
		a := w.side.perform(operation{}, txn)
		if refused := a.code == duplicateKey.code && a.problem == duplicateKey.problem; refused == w.etcd {
			t.Errorf("%s: %s", name, a)
		}
	}
}

// manyKeys puts keys of which every other one has been put twice.
func (w wanted) manyKeys() (from, end []byte) {
	for i := range 40 {
		for range 1 + i%2 {
			w.must(w.side.perform(operation{}, &pb.PutRequest{Key: fmt.Appendf(nil, "many/%02d", i)}))
		}
	}
	return []byte("many/"), []byte("many0")
}

func (w wanted) ties(t *testing.T) {
	from, end := w.manyKeys()
	request := &pb.RangeRequest{Key: from, RangeEnd: end, SortTarget: pb.RangeRequest_VERSION, SortOrder: pb.RangeRequest_DESCEND}
	kvs := w.must(w.side.perform(operation{}, request)).message.(*pb.RangeResponse).GetKvs()
	inOrder := slices.IsSortedFunc(kvs[:20], func(a, b *mvccpb.KeyValue) int { return bytes.Compare(a.GetKey(), b.GetKey()) })
	if inOrder == w.etcd {
		t.Errorf("keys of one version are in order: %t", inOrder)
	}
}

func (w wanted) sortedStream(t *testing.T) {
	from, end := w.manyKeys()
	stream, err := w.side.kv.RangeStream(w.ctx, &pb.RangeRequest{Key: from, RangeEnd: end, SortTarget: pb.RangeRequest_VERSION})
	if err != nil {
		t.Fatal(err)
	}
	seen, twice := make(map[string]bool), false
	for {
		piece, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			break
		}
		if a := answered(piece, err); a.code != codes.OK {
			if w.etcd || a.code != noOrder.code || a.problem != noOrder.problem {
				t.Error(a)
			}
			return
		}
		for _, kv := range piece.GetRangeResponse().GetKvs() {
			twice = twice || seen[string(kv.GetKey())]
			seen[string(kv.GetKey())] = true
		}
	}
	if !w.etcd || !twice {
		t.Errorf("a key came twice: %t", twice)
	}
}
