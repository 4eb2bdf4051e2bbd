package etcd

import (
	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
)

// kvServer is etcd's KV service.
type kvServer struct {
	*Server
	pb.UnimplementedKVServer
}
