package etcd

import (
	"context"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"

	logv1 "github.com/conclavehq/conclave/proto/gen/conclave/log/v1"
)

// header is what every answer begins with: who gave it, and at which revision
// the namespace was.
func (s *Server) header(shard uint64, revision int64) *pb.ResponseHeader {
	standing := s.cluster.Standing(shard)
	return &pb.ResponseHeader{
		ClusterId: standing.ClusterID,
		MemberId:  standing.ReplicaID,
		Revision:  revision,
		RaftTerm:  standing.Term,
	}
}

// presentHeader is the header of an answer that reads nothing: its revision is the
// current one.
func (s *Server) presentHeader(ctx context.Context, serializable bool) (*pb.ResponseHeader, error) {
	// Any read tells the revision; this one touches nothing.
	where, answer, err := s.ask(ctx, serializable, &logv1.Query{Body: &logv1.Query_Range{
		Range: &logv1.Range{Key: []byte{0}, CountOnly: true},
	}})
	if err != nil {
		return nil, err
	}
	return s.header(where.Shard, answer.GetRevision()), nil
}
