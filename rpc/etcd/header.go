package etcd

import (
	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
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
