package etcd

import (
	"go.etcd.io/etcd/server/v3/etcdserver/api/v3election/v3electionpb"
)

// electionServer is etcd's Election service.
type electionServer struct {
	*Server
	v3electionpb.UnimplementedElectionServer
}
