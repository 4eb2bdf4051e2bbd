package differential

import (
	"context"
	"strings"
	"testing"
	"time"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/mvccpb"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
)

// fault is something that a server of etcd's API could do wrong.
type fault struct {
	name string
	// answer distorts a message that a server sent, if it is of the right kind.
	answer func(m any)
	// refusal distorts an error.
	refusal func(s *status.Status) *status.Status
	// responses distorts a response of a watch, perhaps into none or several.
	responses func(m *pb.WatchResponse) []*pb.WatchResponse
}

// on is a distortion of one kind of message.
func on[M any](distort func(m M)) func(any) {
	return func(m any) {
		if m, ok := m.(M); ok {
			distort(m)
		}
	}
}

// onEvents is a distortion of events.
func onEvents(distort func(e *mvccpb.Event)) func(any) {
	return on(func(m *pb.WatchResponse) {
		for _, e := range m.GetEvents() {
			distort(e)
		}
	})
}

func onControl(distort func(m *pb.WatchResponse)) func(any) {
	return on(func(m *pb.WatchResponse) {
		if len(m.GetEvents()) == 0 && m.GetWatchId() < barrierWatch {
			distort(m)
		}
	})
}

var faults = []fault{
	{name: "the revision of a put", answer: on(func(m *pb.PutResponse) { m.Header.Revision++ })},
	{name: "more is not told", answer: on(func(m *pb.RangeResponse) { m.More = false })},
	{name: "count stops at the limit", answer: on(func(m *pb.RangeResponse) {
		if m.GetMore() {
			m.Count = int64(len(m.GetKvs()))
		}
	})},
	{name: "keys have no lease", answer: on(func(m *pb.RangeResponse) {
		for _, kv := range m.GetKvs() {
			kv.Lease = 0
		}
	})},
	{name: "two keys change places", answer: on(func(m *pb.RangeResponse) {
		if len(m.GetKvs()) > 1 {
			m.Kvs[0], m.Kvs[1] = m.Kvs[1], m.Kvs[0]
		}
	})},
	{name: "versions are not counted", answer: on(func(m *pb.RangeResponse) {
		for _, kv := range m.GetKvs() {
			kv.Version = 1
		}
	})},
	{name: "a read tells the revision that it read", answer: on(func(m *pb.RangeResponse) {
		if len(m.GetKvs()) == 1 {
			m.Header.Revision = m.GetKvs()[0].GetModRevision()
		}
	})},
	{name: "a stream's end does not count", answer: on(func(m *pb.RangeStreamResponse) { m.GetRangeResponse().Count = 0 })},
	{name: "a stream's first part speaks of the whole", answer: on(func(m *pb.RangeStreamResponse) {
		if m.GetRangeResponse().GetHeader() == nil {
			m.GetRangeResponse().Count = 10
		}
	})},
	{name: "one deleted too many", answer: on(func(m *pb.DeleteRangeResponse) { m.Deleted++ })},
	{name: "what was deleted is not given", answer: on(func(m *pb.DeleteRangeResponse) { m.PrevKvs = nil })},
	{name: "operations of transactions tell no revision", answer: on(func(m *pb.TxnResponse) {
		for _, r := range m.GetResponses() {
			if put := r.GetResponsePut(); put != nil {
				put.Header.Revision = 0
			}
		}
	})},
	{name: "nested transactions always succeed", answer: on(func(m *pb.TxnResponse) {
		for _, r := range m.GetResponses() {
			if nested := r.GetResponseTxn(); nested != nil {
				nested.Succeeded = true
			}
		}
	})},
	{name: "the revision of a compaction", answer: on(func(m *pb.CompactionResponse) { m.Header.Revision-- })},
	{name: "an error's text", refusal: func(s *status.Status) *status.Status {
		return status.New(s.Code(), strings.Replace(s.Message(), "has been compacted", "was compacted", 1))
	}},
	{name: "an error's code", refusal: func(s *status.Status) *status.Status {
		if s.Code() == codes.OutOfRange {
			return status.New(codes.InvalidArgument, s.Message())
		}
		return s
	}},
	{name: "short leases are granted", answer: on(func(m *pb.LeaseGrantResponse) { m.TTL = max(m.GetTTL(), 3) })},
	{name: "a lease loses three seconds", answer: on(func(m *pb.LeaseTimeToLiveResponse) { m.TTL -= 3 })},
	{name: "a key of a lease is forgotten", answer: on(func(m *pb.LeaseTimeToLiveResponse) { m.Keys = m.Keys[min(1, len(m.Keys)):] })},
	{name: "a lease that is gone is renewed with -1", answer: on(func(m *pb.LeaseKeepAliveResponse) {
		if m.GetTTL() == 0 {
			m.TTL = -1
		}
	})},
	{name: "a lease is not listed", answer: on(func(m *pb.LeaseLeasesResponse) { m.Leases = m.Leases[min(1, len(m.Leases)):] })},
	{name: "leases are listed as granted", answer: on(func(m *pb.LeaseLeasesResponse) {
		if n := len(m.GetLeases()); n > 1 {
			m.Leases[0], m.Leases[n-1] = m.Leases[n-1], m.Leases[0]
		}
	})},
	{name: "the revision of a new watch", answer: onControl(func(m *pb.WatchResponse) { m.Header.Revision++ })},
	{name: "why a watch was not created", answer: onControl(func(m *pb.WatchResponse) { m.CancelReason = "" })},
	{name: "ids of watches begin at 1", answer: onControl(func(m *pb.WatchResponse) {
		if m.GetCreated() && !m.GetCanceled() {
			m.WatchId++
		}
	})},
	{name: "the compacted revision", answer: on(func(m *pb.WatchResponse) { m.CompactRevision = min(1, m.GetCompactRevision()) })},
	{name: "a watch does not end with a compaction", responses: func(m *pb.WatchResponse) []*pb.WatchResponse {
		if m.GetCompactRevision() > 0 {
			return nil
		}
		return []*pb.WatchResponse{m}
	}},
	{name: "progress that was not made", answer: on(func(m *pb.WatchResponse) {
		if m.GetWatchId() == -1 && !m.GetCreated() {
			m.Header.Revision++
		}
	})},
	{name: "no progress", responses: func(m *pb.WatchResponse) []*pb.WatchResponse {
		if m.GetWatchId() == -1 && !m.GetCreated() {
			return nil
		}
		return []*pb.WatchResponse{m}
	}},
	{name: "a delete carries the value", answer: onEvents(func(e *mvccpb.Event) {
		if e.GetType() == mvccpb.Event_DELETE {
			e.Kv.Value = []byte("x")
		}
	})},
	{name: "a create has a previous value", answer: onEvents(func(e *mvccpb.Event) {
		if e.GetKv().GetVersion() == 1 {
			e.PrevKv = e.GetKv()
		}
	})},
	{name: "an event is lost", responses: func(m *pb.WatchResponse) []*pb.WatchResponse {
		if len(m.GetEvents()) > 1 && m.GetWatchId() < barrierWatch {
			m.Events = m.Events[1:]
		}
		return []*pb.WatchResponse{m}
	}},
	{name: "a response is lost", responses: func(m *pb.WatchResponse) []*pb.WatchResponse {
		if len(m.GetEvents()) > 0 && m.GetWatchId() < barrierWatch && m.GetHeader().GetRevision()%7 == 0 {
			return nil
		}
		return []*pb.WatchResponse{m}
	}},
	{name: "a response comes twice", responses: func(m *pb.WatchResponse) []*pb.WatchResponse {
		if len(m.GetEvents()) > 0 && m.GetWatchId() < barrierWatch && m.GetHeader().GetRevision()%7 == 0 {
			return []*pb.WatchResponse{m, proto.CloneOf(m)}
		}
		return []*pb.WatchResponse{m}
	}},
	{name: "events of a revision change places", answer: on(func(m *pb.WatchResponse) {
		if n := len(m.GetEvents()); n > 1 && m.Events[0].GetKv().GetModRevision() == m.Events[1].GetKv().GetModRevision() {
			m.Events[0], m.Events[1] = m.Events[1], m.Events[0]
		}
	})},
	{name: "a revision is split", responses: func(m *pb.WatchResponse) []*pb.WatchResponse {
		if n := len(m.GetEvents()); n > 1 && m.Events[n-1].GetKv().GetModRevision() == m.Events[n-2].GetKv().GetModRevision() {
			rest := proto.CloneOf(m)
			m.Events, rest.Events = m.Events[:n-1], rest.Events[n-1:]
			return []*pb.WatchResponse{m, rest}
		}
		return []*pb.WatchResponse{m}
	}},
}

// distorted is a connection to a server with a fault.
type distorted struct {
	grpc.ClientConnInterface
	fault fault
}

func (d distorted) Invoke(ctx context.Context, method string, args, reply any, opts ...grpc.CallOption) error {
	err := d.ClientConnInterface.Invoke(ctx, method, args, reply, opts...)
	if err == nil && d.fault.answer != nil {
		d.fault.answer(reply)
	}
	if err != nil && d.fault.refusal != nil {
		return d.fault.refusal(status.Convert(err)).Err()
	}
	return err
}

func (d distorted) NewStream(ctx context.Context, desc *grpc.StreamDesc, method string, opts ...grpc.CallOption) (grpc.ClientStream, error) {
	s, err := d.ClientConnInterface.NewStream(ctx, desc, method, opts...)
	return &distortedStream{ClientStream: s, fault: d.fault}, err
}

type distortedStream struct {
	grpc.ClientStream
	fault   fault
	pending []*pb.WatchResponse
}

func (s *distortedStream) RecvMsg(m any) error {
	watch, ok := m.(*pb.WatchResponse)
	if !ok || s.fault.responses == nil {
		err := s.ClientStream.RecvMsg(m)
		if err == nil && s.fault.answer != nil {
			s.fault.answer(m)
		}
		return err
	}
	for len(s.pending) == 0 {
		response := &pb.WatchResponse{}
		if err := s.ClientStream.RecvMsg(response); err != nil {
			return err
		}
		s.pending = s.fault.responses(response)
	}
	proto.Merge(watch, s.pending[0])
	s.pending = s.pending[1:]
	return nil
}

// TestFaultsAreFound: the test fails when it should. A fault sits between one of
// two etcds and its client; the test has to see it.
func TestFaultsAreFound(t *testing.T) {
	if testing.Short() {
		t.Skip("proves nothing about Conclave")
	}
	hasty := etcdSystem
	hasty.patience = hastyPatience
	p := newPair(t, etcdSystem, hasty)
	for _, f := range faults {
		t.Run(f.name, func(t *testing.T) {
			for seed := range uint64(4) {
				p[1].api = p[1].conn
				if err := level(t.Context(), p); err != nil {
					t.Fatal(err)
				}
				p[1].api = distorted{p[1].conn, f}
				r, err := play(t.Context(), p, withoutExpiry(generate(seed, 1500)))
				if err != nil {
					t.Fatal(err)
				}
				if r.found != nil {
					t.Logf("found with seed %d after %d operations: %s", seed, r.done, r.found.what)
					return
				}
			}
			t.Error("it was not found")
		})
	}
}

// withoutExpiry leaves out the operation that takes seconds.
func withoutExpiry(s script) script {
	var rest []operation
	for _, o := range s.operations {
		if !o.expires {
			rest = append(rest, o)
		}
	}
	return s.with(rest)
}

// TestShrink: a difference comes with a script that one can read.
func TestShrink(t *testing.T) {
	if testing.Short() {
		t.Skip("proves nothing about Conclave")
	}
	wrong := etcdSystem
	wrong.dialled = func(c grpc.ClientConnInterface) grpc.ClientConnInterface {
		return distorted{c, fault{answer: on(func(m *pb.RangeResponse) {
			if len(m.GetKvs()) == 2 {
				m.Count++
			}
		})}}
	}
	from := &servers{kinds: [2]system{etcdSystem, wrong}, used: true}
	defer from.drop()
	p, err := from.next(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	s := withoutExpiry(generate(3, 1500))
	r, err := play(t.Context(), p, s)
	if err != nil || r.found == nil {
		t.Fatalf("%v; found %v", err, r.found)
	}
	k := shrink(t.Context(), from, s, r, time.Minute)
	if n := len(k.best.operations); n > 3 { // two puts, or a transaction with both, and a range
		t.Errorf("the shortest script of %d tries has %d operations:\n%s", k.tries, n, k.run)
	}
	t.Logf("%d operations became %d in %d tries:\n%s", r.done, len(k.best.operations), k.tries, k.run)
}
