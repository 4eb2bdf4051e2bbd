package etcd

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net"
	"net/http"

	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	pbgw "go.etcd.io/etcd/api/v3/etcdserverpb/gw"
	electiongw "go.etcd.io/etcd/server/v3/etcdserver/api/v3election/v3electionpb/gw"
	lockgw "go.etcd.io/etcd/server/v3/etcdserver/api/v3lock/v3lockpb/gw"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/test/bufconn"
	"google.golang.org/protobuf/encoding/protojson"
)

// gatewayBuffer is what the connection inside the process holds.
const gatewayBuffer = 256 << 10

// gateway answers etcd's JSON API: it turns each request into a call over a
// connection inside the process, so that both are decided by the same code.
type gateway struct {
	mux      *runtime.ServeMux
	conn     *grpc.ClientConn
	listener *bufconn.Listener
	served   chan struct{}
}

// newGateway serves the gRPC server inside the process.
func newGateway(native *grpc.Server) (gateway, error) {
	g := gateway{
		// As etcd writes JSON: names as in its protos, defaults left out.
		mux: runtime.NewServeMux(runtime.WithMarshalerOption(runtime.MIMEWildcard, &runtime.HTTPBodyMarshaler{
			Marshaler: boundedJSON{&runtime.JSONPb{
				MarshalOptions:   protojson.MarshalOptions{UseProtoNames: true},
				UnmarshalOptions: protojson.UnmarshalOptions{DiscardUnknown: true},
			}},
		})),
		listener: bufconn.Listen(gatewayBuffer),
		served:   make(chan struct{}),
	}
	go func() {
		defer close(g.served)
		_ = native.Serve(g.listener) // ends with the server
	}()
	var err error
	g.conn, err = grpc.NewClient("passthrough:///gateway",
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return g.listener.DialContext(ctx) }),
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(math.MaxInt32)))
	if err != nil {
		return g, fmt.Errorf("etcd: the JSON gateway's connection: %w", err)
	}
	var failed []error
	for _, register := range []func(context.Context, *runtime.ServeMux, *grpc.ClientConn) error{
		pbgw.RegisterKVHandler, pbgw.RegisterWatchHandler, pbgw.RegisterLeaseHandler,
		pbgw.RegisterClusterHandler, pbgw.RegisterMaintenanceHandler, pbgw.RegisterAuthHandler,
		lockgw.RegisterLockHandler, electiongw.RegisterElectionHandler,
	} {
		failed = append(failed, register(context.Background(), g.mux, g.conn))
	}
	return g, errors.Join(failed...)
}

// ServeHTTP answers /v3/….
func (g gateway) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch r.URL.Path {
	case "/v3/watch", "/v3/lease/keepalive": // their bodies go on, and each message is bounded
	default:
		r.Body = http.MaxBytesReader(w, r.Body, maxGatewayBytes)
	}
	g.mux.ServeHTTP(w, r)
}

// close ends the connection, after the server.
func (g gateway) close() {
	if g.conn != nil {
		_ = g.conn.Close()
	}
	if g.listener != nil {
		_ = g.listener.Close()
		<-g.served
	}
}
