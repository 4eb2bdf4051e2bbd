package etcd

import (
	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
)

// leaseServer is etcd's Lease service.
type leaseServer struct {
	*Server
	pb.UnimplementedLeaseServer
}
