package etcd

import (
	"context"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
)

// authRevision is that of a store which has no users.
const authRevision = 1

// authServer is etcd's Auth service of a server without authentication. There are
// no users and no roles, so all that changes or shows them is refused.
type authServer struct {
	*Server
	pb.UnsafeAuthServer
}

var _ pb.AuthServer = authServer{}

// AuthStatus tells that there is no authentication.
func (a authServer) AuthStatus(ctx context.Context, _ *pb.AuthStatusRequest) (*pb.AuthStatusResponse, error) {
	header, err := a.presentHeader(ctx, false)
	if err != nil {
		return nil, err
	}
	return &pb.AuthStatusResponse{Header: header, AuthRevision: authRevision}, nil
}

// AuthDisable has nothing to do, which etcd does not call an error.
func (a authServer) AuthDisable(ctx context.Context, _ *pb.AuthDisableRequest) (*pb.AuthDisableResponse, error) {
	header, err := a.presentHeader(ctx, false)
	if err != nil {
		return nil, err
	}
	return &pb.AuthDisableResponse{Header: header}, nil
}

// AuthEnable refuses.
func (authServer) AuthEnable(context.Context, *pb.AuthEnableRequest) (*pb.AuthEnableResponse, error) {
	return nil, rpctypes.ErrGRPCAuthNotEnabled
}

// Authenticate refuses.
func (authServer) Authenticate(context.Context, *pb.AuthenticateRequest) (*pb.AuthenticateResponse, error) {
	return nil, rpctypes.ErrGRPCAuthNotEnabled
}

// UserAdd refuses.
func (authServer) UserAdd(context.Context, *pb.AuthUserAddRequest) (*pb.AuthUserAddResponse, error) {
	return nil, rpctypes.ErrGRPCAuthNotEnabled
}

// UserGet refuses.
func (authServer) UserGet(context.Context, *pb.AuthUserGetRequest) (*pb.AuthUserGetResponse, error) {
	return nil, rpctypes.ErrGRPCAuthNotEnabled
}

// UserList refuses.
func (authServer) UserList(context.Context, *pb.AuthUserListRequest) (*pb.AuthUserListResponse, error) {
	return nil, rpctypes.ErrGRPCAuthNotEnabled
}

// UserDelete refuses.
func (authServer) UserDelete(context.Context, *pb.AuthUserDeleteRequest) (*pb.AuthUserDeleteResponse, error) {
	return nil, rpctypes.ErrGRPCAuthNotEnabled
}

// UserChangePassword refuses.
func (authServer) UserChangePassword(context.Context, *pb.AuthUserChangePasswordRequest) (*pb.AuthUserChangePasswordResponse, error) {
	return nil, rpctypes.ErrGRPCAuthNotEnabled
}

// UserGrantRole refuses.
func (authServer) UserGrantRole(context.Context, *pb.AuthUserGrantRoleRequest) (*pb.AuthUserGrantRoleResponse, error) {
	return nil, rpctypes.ErrGRPCAuthNotEnabled
}

// UserRevokeRole refuses.
func (authServer) UserRevokeRole(context.Context, *pb.AuthUserRevokeRoleRequest) (*pb.AuthUserRevokeRoleResponse, error) {
	return nil, rpctypes.ErrGRPCAuthNotEnabled
}

// RoleAdd refuses.
func (authServer) RoleAdd(context.Context, *pb.AuthRoleAddRequest) (*pb.AuthRoleAddResponse, error) {
	return nil, rpctypes.ErrGRPCAuthNotEnabled
}

// RoleGet refuses.
func (authServer) RoleGet(context.Context, *pb.AuthRoleGetRequest) (*pb.AuthRoleGetResponse, error) {
	return nil, rpctypes.ErrGRPCAuthNotEnabled
}

// RoleList refuses.
func (authServer) RoleList(context.Context, *pb.AuthRoleListRequest) (*pb.AuthRoleListResponse, error) {
	return nil, rpctypes.ErrGRPCAuthNotEnabled
}

// RoleDelete refuses.
func (authServer) RoleDelete(context.Context, *pb.AuthRoleDeleteRequest) (*pb.AuthRoleDeleteResponse, error) {
	return nil, rpctypes.ErrGRPCAuthNotEnabled
}

// RoleGrantPermission refuses.
func (authServer) RoleGrantPermission(context.Context, *pb.AuthRoleGrantPermissionRequest) (*pb.AuthRoleGrantPermissionResponse, error) {
	return nil, rpctypes.ErrGRPCAuthNotEnabled
}

// RoleRevokePermission refuses.
func (authServer) RoleRevokePermission(context.Context, *pb.AuthRoleRevokePermissionRequest) (*pb.AuthRoleRevokePermissionResponse, error) {
	return nil, rpctypes.ErrGRPCAuthNotEnabled
}
