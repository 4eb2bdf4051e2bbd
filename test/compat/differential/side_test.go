package differential

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/server/v3/etcdserver/api/v3election/v3electionpb"
	"go.etcd.io/etcd/server/v3/etcdserver/api/v3lock/v3lockpb"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
)

// side is one system during one script: its stubs, its streams and what it calls
// things by.
type side struct {
	*server
	ctx      context.Context
	kv       pb.KVClient
	lease    pb.LeaseClient
	lock     v3lockpb.LockClient
	election v3electionpb.ElectionClient

	keepAlive    pb.Lease_LeaseKeepAliveClient
	endKeepAlive context.CancelFunc

	streams []*watchStream

	// granted maps slots to the ids that the server chose for them, slots the
	// other way round.
	granted, slots map[int64]int64
	expiries       map[int64]expiry
}

func newSide(ctx context.Context, s *server) *side {
	return &side{
		server:   s,
		ctx:      ctx,
		kv:       pb.NewKVClient(s.api),
		lease:    pb.NewLeaseClient(s.api),
		lock:     v3lockpb.NewLockClient(s.api),
		election: v3electionpb.NewElectionClient(s.api),
		granted:  make(map[int64]int64),
		slots:    make(map[int64]int64),
		expiries: make(map[int64]expiry),
	}
}

// answer is what came of a call: a message, or an error.
type answer struct {
	message proto.Message
	code    codes.Code
	problem string
}

func (a answer) String() string {
	switch {
	case a.code != codes.OK:
		return fmt.Sprintf("%s: %s", a.code, a.problem)
	case a.message == nil:
		return "no answer"
	default:
		return "{" + text(a.message) + "}"
	}
}

func answered(m proto.Message, err error) answer {
	if err != nil {
		return answer{code: status.Code(err), problem: status.Convert(err).Message()}
	}
	return answer{message: m}
}

// perform carries out an operation whose numbers have been resolved for this
// side.
func (s *side) perform(o operation, request proto.Message) answer {
	ctx, cancel := context.WithTimeout(s.ctx, s.patience)
	defer cancel()
	begun := time.Now()
	switch r := request.(type) {
	case *pb.RangeRequest:
		if o.streamed {
			return s.rangeStream(ctx, r)
		}
		return answered(s.kv.Range(ctx, r))
	case *pb.PutRequest:
		return answered(s.kv.Put(ctx, r))
	case *pb.DeleteRangeRequest:
		return answered(s.kv.DeleteRange(ctx, r))
	case *pb.TxnRequest:
		return answered(s.kv.Txn(ctx, r))
	case *pb.CompactionRequest:
		return answered(s.kv.Compact(ctx, r))
	case *pb.LeaseGrantRequest:
		return s.granting(o, r, begun, answered(s.lease.LeaseGrant(ctx, r)))
	case *pb.LeaseRevokeRequest:
		return answered(s.lease.LeaseRevoke(ctx, r))
	case *pb.LeaseTimeToLiveRequest:
		return s.left(begun, answered(s.lease.LeaseTimeToLive(ctx, r)))
	case *pb.LeaseLeasesRequest:
		return s.inOrder(answered(s.lease.LeaseLeases(ctx, r)))
	case *pb.LeaseKeepAliveRequest:
		return s.renewing(begun, s.renew(r))
	case *pb.WatchRequest:
		return s.watch(o, r)
	default:
		return s.line(s.ctx, request)
	}
}

// renew keeps a lease alive over the one stream that is kept for it.
func (s *side) renew(r *pb.LeaseKeepAliveRequest) answer {
	if s.keepAlive == nil {
		ctx, cancel := context.WithCancel(s.ctx)
		stream, err := s.lease.LeaseKeepAlive(ctx)
		if err != nil {
			cancel()
			return answered(nil, err)
		}
		s.keepAlive, s.endKeepAlive = stream, cancel
	}
	late := time.AfterFunc(s.patience, s.endKeepAlive)
	defer late.Stop()
	err := s.keepAlive.Send(r)
	if err == nil || errors.Is(err, io.EOF) {
		m, err := s.keepAlive.Recv()
		if err == nil {
			return answer{message: m}
		}
		s.keepAlive = nil
		return answered(nil, err)
	}
	s.keepAlive = nil
	return answered(nil, err)
}

// rangeStream puts the pieces of an answer together, as clients are told to do,
// and checks that only the last one speaks of the whole.
func (s *side) rangeStream(ctx context.Context, r *pb.RangeRequest) answer {
	stream, err := s.kv.RangeStream(ctx, r)
	if err != nil {
		return answered(nil, err)
	}
	whole := &pb.RangeResponse{}
	for {
		piece, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return answer{message: whole}
		}
		if err != nil {
			return answered(nil, err)
		}
		if whole.GetHeader() != nil {
			return answer{code: codes.Internal, problem: "a piece came after the one with the header"}
		}
		p := piece.GetRangeResponse()
		if p.GetHeader() == nil && (p.GetCount() != 0 || p.GetMore() || len(p.GetKvs()) == 0) {
			return answer{code: codes.Internal, problem: "an early piece is empty, or speaks of the whole: {" + text(p) + "}"}
		}
		proto.Merge(whole, p)
	}
}

// end closes the streams of the script; the connection stays.
func (s *side) end() {
	if s.keepAlive != nil {
		s.endKeepAlive()
	}
	for _, w := range s.streams {
		w.end()
	}
}
