package etcd

import (
	"bytes"
	"context"
	"encoding/json"
	"testing"

	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	logv1 "github.com/conclavehq/conclave/proto/gen/conclave/log/v1"
	"github.com/conclavehq/conclave/statemachine/entry"
)

// logged checks that a command reads as what it is, as replicas read it.
func logged(t *testing.T, command *logv1.Command) {
	e, err := entry.Decode(entry.Append(nil, &logv1.Header{}, command))
	if err != nil || len(e.Commands) != 1 || !proto.Equal(e.Commands[0], command) {
		t.Fatalf("%v is not what is logged: %v", command, err)
	}
}

// blamed checks that an error is the caller's fault.
func blamed(t *testing.T, err error) {
	switch status.Code(err) {
	case codes.Internal, codes.Unknown, codes.Unavailable, codes.DataLoss:
		t.Fatalf("a bad request has the error %v", err)
	}
}

func mustMarshal(f *testing.F, messages ...proto.Message) {
	for i, m := range messages {
		data, err := proto.Marshal(m)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(uint8(i), data)
	}
}

// A request of the KV service is refused, or becomes a command or a query.
func FuzzKV(f *testing.F) {
	put := &pb.PutRequest{Key: []byte("k"), Value: []byte("v"), Lease: 1}
	op := &pb.RequestOp{Request: &pb.RequestOp_RequestPut{RequestPut: put}}
	mustMarshal(f,
		&pb.RangeRequest{Key: []byte("k"), RangeEnd: []byte{0}, Limit: -1, SortTarget: 4, SortOrder: 2},
		put,
		&pb.DeleteRangeRequest{Key: []byte("k"), RangeEnd: []byte("a")},
		&pb.TxnRequest{
			Compare: []*pb.Compare{{Key: []byte("k"), Target: pb.Compare_LEASE, TargetUnion: &pb.Compare_Version{Version: 1}}},
			Success: []*pb.RequestOp{op, {}, {Request: &pb.RequestOp_RequestTxn{RequestTxn: &pb.TxnRequest{Failure: []*pb.RequestOp{op}}}}},
		})
	f.Fuzz(func(t *testing.T, kind uint8, data []byte) {
		switch kind % 4 {
		case 0:
			req := &pb.RangeRequest{}
			if proto.Unmarshal(data, req) == nil {
				if err := checkRange(req); err != nil {
					blamed(t, err)
				}
				_ = rangeQuery(req)
			}
		case 1:
			req := &pb.PutRequest{}
			if proto.Unmarshal(data, req) == nil {
				if err := checkPut(req); err != nil {
					blamed(t, err)
				}
				logged(t, &logv1.Command{Body: &logv1.Command_Put{Put: putCommand(req)}})
			}
		case 2:
			req := &pb.DeleteRangeRequest{}
			if proto.Unmarshal(data, req) == nil {
				if err := checkDelete(req); err != nil {
					blamed(t, err)
				}
				logged(t, &logv1.Command{Body: &logv1.Command_DeleteRange{DeleteRange: deleteCommand(req)}})
			}
		default:
			txn(t, data)
		}
	})
}

func txn(t *testing.T, data []byte) {
	req := &pb.TxnRequest{}
	if proto.Unmarshal(data, req) != nil {
		return
	}
	if err := checkTxn(req, maxTxnOps); err != nil {
		blamed(t, err)
		return
	}
	_, _ = onlyReads(req)
	logged(t, &logv1.Command{Body: &logv1.Command_Txn{Txn: txnCommand(req)}})
}

// Requests of a watch stream, whatever they are, leave it working and keep nothing
// when it ends.
func FuzzWatch(f *testing.F) {
	create := func(req *pb.WatchCreateRequest) *pb.WatchRequest {
		return &pb.WatchRequest{RequestUnion: &pb.WatchRequest_CreateRequest{CreateRequest: req}}
	}
	mustMarshal(f,
		create(&pb.WatchCreateRequest{Key: []byte("a"), RangeEnd: []byte{0}, StartRevision: 1, PrevKv: true}),
		create(&pb.WatchCreateRequest{Key: []byte("b"), RangeEnd: []byte("a"), StartRevision: -1, WatchId: 5, Fragment: true}),
		create(&pb.WatchCreateRequest{StartRevision: 1 << 62, Filters: []pb.WatchCreateRequest_FilterType{9}}),
		&pb.WatchRequest{RequestUnion: &pb.WatchRequest_CancelRequest{CancelRequest: &pb.WatchCancelRequest{WatchId: 5}}},
		&pb.WatchRequest{RequestUnion: &pb.WatchRequest_ProgressRequest{}}, &pb.WatchRequest{})
	f.Fuzz(func(t *testing.T, twice uint8, data []byte) {
		req := &pb.WatchRequest{}
		if proto.Unmarshal(data, req) != nil {
			return
		}
		d := newDesk(t, 4)
		d.fake.publish(change("a", "1"), change("b", "2"))
		for range 1 + twice%3 {
			if err := d.take(t.Context(), req); err != nil {
				blamed(t, err)
			}
			d.settleDown()
			d.fake.publish(change("a", "3"), change("b", ""))
			d.settleDown()
		}
		d.checkResponses()
	})
}

// A request of the lease service is refused or can be logged, and a lease that is
// granted has a TTL.
func FuzzLease(f *testing.F) {
	mustMarshal(f,
		&pb.LeaseGrantRequest{TTL: -1 << 63, ID: -1}, &pb.LeaseRevokeRequest{ID: 1 << 62},
		&pb.LeaseKeepAliveRequest{ID: 5}, &pb.LeaseTimeToLiveRequest{ID: 6, Keys: true})
	f.Fuzz(func(t *testing.T, kind uint8, data []byte) {
		fake := newFake(4)
		s := leaseServer{Server: &Server{cluster: granting{fake, t}}}
		switch kind % 3 {
		case 0:
			req := &pb.LeaseGrantRequest{}
			if proto.Unmarshal(data, req) == nil {
				res, err := s.LeaseGrant(t.Context(), req)
				if err == nil && res.GetTTL() < 1 {
					t.Fatalf("%v is granted as %v", req, res)
				}
				leaseBlamed(t, err)
			}
		case 1:
			req := &pb.LeaseRevokeRequest{}
			if proto.Unmarshal(data, req) == nil {
				_, err := s.LeaseRevoke(t.Context(), req)
				leaseBlamed(t, err)
			}
		default:
			req := &pb.LeaseTimeToLiveRequest{}
			if proto.Unmarshal(data, req) == nil {
				_, err := s.LeaseTimeToLive(t.Context(), req)
				leaseBlamed(t, err)
			}
		}
	})
}

func leaseBlamed(t *testing.T, err error) {
	if err != nil {
		blamed(t, err)
	}
}

// granting is a cluster that grants any lease and knows none, and checks that what
// it is given can be logged.
type granting struct {
	*fake
	t *testing.T
}

func (g granting) Propose(_ context.Context, _ uint64, command *logv1.Command) (*logv1.Result, error) {
	logged(g.t, command)
	if grant := command.GetGrantLease(); grant != nil {
		return &logv1.Result{Body: &logv1.Result_GrantLease{GrantLease: &logv1.GrantLeaseResult{LeaseId: grant.GetLeaseId(), TtlMs: grant.GetTtlMs()}}}, nil
	}
	return &logv1.Result{Refusal: &logv1.Refusal{Reason: logv1.Reason_REASON_LEASE_NOT_FOUND}}, nil
}

// FuzzGatewayJSON: what the JSON gateway reads is written again as the same.
func FuzzGatewayJSON(f *testing.F) {
	reader := &runtime.JSONPb{
		MarshalOptions:   protojson.MarshalOptions{UseProtoNames: true},
		UnmarshalOptions: protojson.UnmarshalOptions{DiscardUnknown: true},
	}
	for i, text := range []string{
		`{"key":"YQ==","range_end":"AA==","limit":"9223372036854775807"}`, `{"compare":[{"target":"VALUE","value":"YQ"}],"success":[{"request_put":{"key":"YQ=="}}]}`,
		`{"key":"*"}`, `{"TTL":1e3,"ID":"-1"}`, `{"create_request":{"key":"YQ==","filters":["NOPUT",7]}}`, `{"lease":NaN}`, `null`, `{"key":null}`,
	} {
		f.Add(uint8(i), text)
	}
	kinds := []proto.Message{&pb.RangeRequest{}, &pb.TxnRequest{}, &pb.PutRequest{}, &pb.LeaseGrantRequest{}, &pb.WatchRequest{}, &pb.CompactionRequest{}}
	f.Fuzz(func(t *testing.T, kind uint8, text string) {
		of := kinds[int(kind)%len(kinds)].ProtoReflect().Type()
		msg, again := of.New().Interface(), of.New().Interface()
		if err := reader.NewDecoder(bytes.NewBufferString(text)).Decode(msg); err != nil {
			return
		}
		written, err := reader.Marshal(msg)
		if err != nil || !json.Valid(written) {
			return // text that is not UTF-8
		}
		if err := reader.Unmarshal(written, again); err != nil || !proto.Equal(msg, again) {
			t.Fatalf("%s reads as %v, which is written as %s: %v", text, msg, written, err)
		}
	})
}
