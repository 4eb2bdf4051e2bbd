package etcd

import (
	"net/http"

	"connectrpc.com/connect"
)

// mountCalls mounts every call of etcd's services.
func (s *Server) mountCalls(mux *http.ServeMux, options []connect.HandlerOption) {
	kv := kvServer{Server: s}
	call(mux, options, "/etcdserverpb.KV/Range", kv.Range)
	tell(mux, options, "/etcdserverpb.KV/RangeStream", kv.RangeStream)
	call(mux, options, "/etcdserverpb.KV/Put", kv.Put)
	call(mux, options, "/etcdserverpb.KV/DeleteRange", kv.DeleteRange)
	call(mux, options, "/etcdserverpb.KV/Txn", kv.Txn)
	call(mux, options, "/etcdserverpb.KV/Compact", kv.Compact)

	converse(mux, options, "/etcdserverpb.Watch/Watch", watchServer{Server: s}.Watch)

	lease := leaseServer{Server: s}
	call(mux, options, "/etcdserverpb.Lease/LeaseGrant", lease.LeaseGrant)
	call(mux, options, "/etcdserverpb.Lease/LeaseRevoke", lease.LeaseRevoke)
	converse(mux, options, "/etcdserverpb.Lease/LeaseKeepAlive", lease.LeaseKeepAlive)
	call(mux, options, "/etcdserverpb.Lease/LeaseTimeToLive", lease.LeaseTimeToLive)
	call(mux, options, "/etcdserverpb.Lease/LeaseLeases", lease.LeaseLeases)

	lock := lockServer{Server: s}
	call(mux, options, "/v3lockpb.Lock/Lock", lock.Lock)
	call(mux, options, "/v3lockpb.Lock/Unlock", lock.Unlock)

	election := electionServer{Server: s}
	call(mux, options, "/v3electionpb.Election/Campaign", election.Campaign)
	call(mux, options, "/v3electionpb.Election/Proclaim", election.Proclaim)
	call(mux, options, "/v3electionpb.Election/Leader", election.Leader)
	tell(mux, options, "/v3electionpb.Election/Observe", election.Observe)
	call(mux, options, "/v3electionpb.Election/Resign", election.Resign)

	s.mountAdmin(mux, options)
	s.mountAuth(mux, options)
}

func (s *Server) mountAdmin(mux *http.ServeMux, options []connect.HandlerOption) {
	members := clusterServer{Server: s}
	call(mux, options, "/etcdserverpb.Cluster/MemberAdd", members.MemberAdd)
	call(mux, options, "/etcdserverpb.Cluster/MemberRemove", members.MemberRemove)
	call(mux, options, "/etcdserverpb.Cluster/MemberUpdate", members.MemberUpdate)
	call(mux, options, "/etcdserverpb.Cluster/MemberList", members.MemberList)
	call(mux, options, "/etcdserverpb.Cluster/MemberPromote", members.MemberPromote)

	upkeep := maintenanceServer{Server: s}
	call(mux, options, "/etcdserverpb.Maintenance/Alarm", upkeep.Alarm)
	call(mux, options, "/etcdserverpb.Maintenance/Status", upkeep.Status)
	call(mux, options, "/etcdserverpb.Maintenance/Defragment", upkeep.Defragment)
	call(mux, options, "/etcdserverpb.Maintenance/Hash", upkeep.Hash)
	call(mux, options, "/etcdserverpb.Maintenance/HashKV", upkeep.HashKV)
	tell(mux, options, "/etcdserverpb.Maintenance/Snapshot", upkeep.Snapshot)
	call(mux, options, "/etcdserverpb.Maintenance/MoveLeader", upkeep.MoveLeader)
	call(mux, options, "/etcdserverpb.Maintenance/Downgrade", upkeep.Downgrade)
}

func (s *Server) mountAuth(mux *http.ServeMux, options []connect.HandlerOption) {
	auth := authServer{Server: s}
	call(mux, options, "/etcdserverpb.Auth/AuthEnable", auth.AuthEnable)
	call(mux, options, "/etcdserverpb.Auth/AuthDisable", auth.AuthDisable)
	call(mux, options, "/etcdserverpb.Auth/AuthStatus", auth.AuthStatus)
	call(mux, options, "/etcdserverpb.Auth/Authenticate", auth.Authenticate)
	call(mux, options, "/etcdserverpb.Auth/UserAdd", auth.UserAdd)
	call(mux, options, "/etcdserverpb.Auth/UserGet", auth.UserGet)
	call(mux, options, "/etcdserverpb.Auth/UserList", auth.UserList)
	call(mux, options, "/etcdserverpb.Auth/UserDelete", auth.UserDelete)
	call(mux, options, "/etcdserverpb.Auth/UserChangePassword", auth.UserChangePassword)
	call(mux, options, "/etcdserverpb.Auth/UserGrantRole", auth.UserGrantRole)
	call(mux, options, "/etcdserverpb.Auth/UserRevokeRole", auth.UserRevokeRole)
	call(mux, options, "/etcdserverpb.Auth/RoleAdd", auth.RoleAdd)
	call(mux, options, "/etcdserverpb.Auth/RoleGet", auth.RoleGet)
	call(mux, options, "/etcdserverpb.Auth/RoleList", auth.RoleList)
	call(mux, options, "/etcdserverpb.Auth/RoleDelete", auth.RoleDelete)
	call(mux, options, "/etcdserverpb.Auth/RoleGrantPermission", auth.RoleGrantPermission)
	call(mux, options, "/etcdserverpb.Auth/RoleRevokePermission", auth.RoleRevokePermission)
}
