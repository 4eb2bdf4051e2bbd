package etcd

import (
	"go.etcd.io/etcd/server/v3/etcdserver/api/v3lock/v3lockpb"
)

// lockServer is etcd's Lock service.
type lockServer struct {
	*Server
	v3lockpb.UnimplementedLockServer
}
