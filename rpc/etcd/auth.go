package etcd

import (
	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
)

// authServer is etcd's Auth service.
type authServer struct {
	*Server
	pb.UnimplementedAuthServer
}
