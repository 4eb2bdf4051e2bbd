package etcd_test

import (
	"testing"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/emptypb"
)

// Authentication is off: its status says so, and whatever needs it is refused with
// the error that clients know.
func TestAuth(t *testing.T) {
	s := newSite(t)
	for port, conn := range s.ports() {
		auth := pb.NewAuthClient(conn)
		state, err := auth.AuthStatus(within(t), &pb.AuthStatusRequest{})
		if err != nil || state.GetEnabled() || state.GetAuthRevision() != 1 {
			t.Errorf("%s: status %v %v", port, state, err)
		}
		checkHeader(t, port, state.GetHeader())
		disabled, err := auth.AuthDisable(within(t), &pb.AuthDisableRequest{})
		if err != nil {
			t.Errorf("%s: disable: %v", port, err)
		}
		checkHeader(t, port, disabled.GetHeader())
		for _, method := range pb.Auth_ServiceDesc.Methods {
			if method.MethodName == "AuthStatus" || method.MethodName == "AuthDisable" {
				continue
			}
			err := conn.Invoke(within(t), "/etcdserverpb.Auth/"+method.MethodName, &emptypb.Empty{}, &emptypb.Empty{}, grpc.StaticMethod())
			wantError(t, port+": "+method.MethodName, rpctypes.ErrGRPCAuthNotEnabled, err)
		}
	}
}
