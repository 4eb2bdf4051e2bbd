package etcd

import (
	"bytes"
	"context"
	"errors"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	"go.etcd.io/etcd/server/v3/etcdserver/api/v3election/v3electionpb"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	logv1 "github.com/conclavehq/conclave/proto/gen/conclave/log/v1"
)

// The errors of elections, whose code etcd does not choose.
var (
	errNotLeader   = status.Error(codes.Unknown, "election: not leader")
	errNobodyLeads = status.Error(codes.Unknown, "election: no leader")
	errNoLeaderKey = status.Error(codes.Unknown, `"leader" field must be provided`)
)

// electionServer is etcd's Election service. An election is a line of keys, see
// place, which those of client/v3/concurrency stand in, too.
type electionServer struct {
	*Server
	v3electionpb.UnsafeElectionServer
}

var _ v3electionpb.ElectionServer = electionServer{}

// Campaign waits to be the leader, and returns the key that says so as long as the
// lease lives. Who leads already goes on, with the new value. Who goes away while
// waiting is no candidate any more.
func (s electionServer) Campaign(ctx context.Context, req *v3electionpb.CampaignRequest) (_ *v3electionpb.CampaignResponse, err error) {
	defer uncoded(&err)
	ctx, done := s.untilDrained(ctx)
	defer done()
	p, err := s.join(ctx, req.GetName(), req.GetValue(), req.GetLease())
	if err != nil {
		return nil, err
	}
	leader := &v3electionpb.LeaderKey{Name: req.GetName(), Key: []byte(p.key), Rev: p.created, Lease: p.lease}
	if p.found && !bytes.Equal(p.value, req.GetValue()) {
		if _, err := s.Proclaim(ctx, &v3electionpb.ProclaimRequest{Leader: leader, Value: req.GetValue()}); err != nil {
			p.withdraw(err)
			return nil, err
		}
	}
	if _, err := p.wait(ctx); err != nil {
		p.withdraw(err)
		if errors.Is(err, errPlaceLost) {
			return nil, errNotLeader
		}
		return nil, s.explain(ctx, err)
	}
	// As of when the candidate came, like etcd.
	return &v3electionpb.CampaignResponse{Header: s.header(p.where.Shard, p.seen), Leader: leader}, nil
}

// Proclaim changes the leader's value. The key keeps the lease that the request
// names, or else the one that it has.
func (s electionServer) Proclaim(ctx context.Context, req *v3electionpb.ProclaimRequest) (_ *v3electionpb.ProclaimResponse, err error) {
	defer uncoded(&err)
	leader := req.GetLeader()
	put := &logv1.Put{
		Key: leader.GetKey(), Value: req.GetValue(),
		LeaseId: leader.GetLease(), IgnoreLease: leader.GetLease() == 0,
	}
	header, leads, err := s.whileLeader(ctx, req, leader, &logv1.TxnOp{Op: &logv1.TxnOp_Put{Put: put}})
	switch {
	case err != nil:
		return nil, err
	case !leads:
		return nil, errNotLeader
	}
	return &v3electionpb.ProclaimResponse{Header: header}, nil
}

// Resign gives the leadership up. Who does not lead has nothing to do.
func (s electionServer) Resign(ctx context.Context, req *v3electionpb.ResignRequest) (_ *v3electionpb.ResignResponse, err error) {
	defer uncoded(&err)
	header, _, err := s.whileLeader(ctx, req, req.GetLeader(), &logv1.TxnOp{Op: &logv1.TxnOp_DeleteRange{
		DeleteRange: &logv1.DeleteRange{Key: req.GetLeader().GetKey()},
	}})
	if err != nil {
		return nil, err
	}
	return &v3electionpb.ResignResponse{Header: header}, nil
}

// whileLeader does an operation if a key is still the one that was elected.
func (s electionServer) whileLeader(ctx context.Context, req proto.Message, leader *v3electionpb.LeaderKey,
	op *logv1.TxnOp) (header *pb.ResponseHeader, leads bool, err error) {
	switch {
	case leader == nil:
		return nil, false, errNoLeaderKey
	case len(leader.GetKey()) == 0:
		return nil, false, rpctypes.ErrGRPCEmptyKey
	}
	where, result, err := s.propose(ctx, req, &logv1.Command{Body: &logv1.Command_Txn{Txn: &logv1.Txn{
		Compares: []*logv1.Compare{createdAt(string(leader.GetKey()), leader.GetRev())},
		Success:  []*logv1.TxnOp{op},
	}}})
	if err != nil {
		return nil, false, err
	}
	return s.header(where.Shard, result.GetRevision()), result.GetTxn().GetSucceeded(), nil
}

// Leader tells who leads.
func (s electionServer) Leader(ctx context.Context, req *v3electionpb.LeaderRequest) (_ *v3electionpb.LeaderResponse, err error) {
	defer uncoded(&err)
	where, answer, err := s.ask(ctx, false, &logv1.Query{Body: &logv1.Query_Range{
		Range: firstInLine(linePrefix(req.GetName())),
	}})
	if err != nil {
		return nil, err
	}
	kvs := answer.GetRange().GetKvs()
	if len(kvs) == 0 {
		return nil, errNobodyLeads
	}
	return &v3electionpb.LeaderResponse{Header: s.header(where.Shard, answer.GetRevision()), Kv: keyValue(kvs[0])}, nil
}
