package etcd

import (
	"context"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	"google.golang.org/protobuf/proto"

	"github.com/conclavehq/conclave/cluster"
	logv1 "github.com/conclavehq/conclave/proto/gen/conclave/log/v1"
)

// kvServer is etcd's KV service.
type kvServer struct {
	*Server
	pb.UnsafeKVServer
}

var _ pb.KVServer = kvServer{}

// Range reads keys at one revision.
func (s kvServer) Range(ctx context.Context, req *pb.RangeRequest) (*pb.RangeResponse, error) {
	if err := checkRange(req); err != nil {
		return nil, err
	}
	where, answer, err := s.ask(ctx, req.GetSerializable(), &logv1.Query{Body: &logv1.Query_Range{Range: rangeQuery(req)}})
	if err != nil {
		return nil, err
	}
	out := rangeResponse(req, answer.GetRange())
	out.Header = s.header(where.Shard, answer.GetRevision())
	return out, nil
}

// Put writes a key.
func (s kvServer) Put(ctx context.Context, req *pb.PutRequest) (*pb.PutResponse, error) {
	if err := checkPut(req); err != nil {
		return nil, err
	}
	where, result, err := s.propose(ctx, req, &logv1.Command{Body: &logv1.Command_Put{Put: putCommand(req)}})
	if err != nil {
		return nil, err
	}
	return &pb.PutResponse{
		Header: s.header(where.Shard, result.GetRevision()),
		PrevKv: keyValue(result.GetPut().GetPrevious()),
	}, nil
}

// DeleteRange deletes keys.
func (s kvServer) DeleteRange(ctx context.Context, req *pb.DeleteRangeRequest) (*pb.DeleteRangeResponse, error) {
	if err := checkDelete(req); err != nil {
		return nil, err
	}
	where, result, err := s.propose(ctx, req, &logv1.Command{Body: &logv1.Command_DeleteRange{DeleteRange: deleteCommand(req)}})
	if err != nil {
		return nil, err
	}
	out := deleteResponse(result.GetDeleteRange())
	out.Header = s.header(where.Shard, result.GetRevision())
	return out, nil
}

// Txn compares, and does the one or the other list of operations. One that only
// reads is a read: it is not replicated.
func (s kvServer) Txn(ctx context.Context, req *pb.TxnRequest) (*pb.TxnResponse, error) {
	if err := checkTxn(req, maxTxnOps); err != nil {
		return nil, err
	}
	if reads, local := onlyReads(req); reads {
		where, answer, err := s.ask(ctx, local, &logv1.Query{Body: &logv1.Query_ReadTxn{ReadTxn: txnCommand(req)}})
		if err != nil {
			return nil, err
		}
		out := txnResponse(req, answer.GetReadTxn(), answer.GetRevision())
		out.Header = s.header(where.Shard, answer.GetRevision())
		return out, nil
	}
	where, result, err := s.propose(ctx, req, &logv1.Command{Body: &logv1.Command_Txn{Txn: txnCommand(req)}})
	if err != nil {
		return nil, err
	}
	out := txnResponse(req, result.GetTxn(), result.GetRevision())
	out.Header = s.header(where.Shard, result.GetRevision())
	return out, nil
}

// Compact forgets the history before a revision. It is done when it returns,
// whether the caller asks for physical or not.
func (s kvServer) Compact(ctx context.Context, req *pb.CompactionRequest) (*pb.CompactionResponse, error) {
	where, result, err := s.propose(ctx, req, &logv1.Command{Body: &logv1.Command_Compact{
		Compact: &logv1.Compact{Revision: req.GetRevision()},
	}})
	if err != nil {
		return nil, err
	}
	return &pb.CompactionResponse{Header: s.header(where.Shard, result.GetRevision())}, nil
}

// propose has a command applied. The errors are etcd's.
func (s *Server) propose(ctx context.Context, req proto.Message, cmd *logv1.Command) (cluster.Namespace, *logv1.Result, error) {
	if proto.Size(req) > maxRequestBytes {
		return cluster.Namespace{}, nil, rpctypes.ErrGRPCRequestTooLarge
	}
	where, err := s.where(ctx)
	if err != nil {
		return where, nil, s.explain(ctx, err)
	}
	cmd.NamespaceId = where.ID
	result, err := s.cluster.Propose(ctx, where.Shard, cmd)
	return where, result, s.decided(ctx, result, err)
}

// ask asks a question. The errors are etcd's.
func (s *Server) ask(ctx context.Context, serializable bool, q *logv1.Query) (cluster.Namespace, *logv1.Answer, error) {
	where, err := s.where(ctx)
	if err != nil {
		return where, nil, s.explain(ctx, err)
	}
	q.NamespaceId = where.ID
	answer, err := s.cluster.Query(ctx, where.Shard, cluster.ReadOptions{Serializable: serializable}, q)
	return where, answer, s.answered(ctx, answer, err)
}
