package differential

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	etcd "go.etcd.io/etcd/server/v3/embed"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	conclave "github.com/conclavehq/conclave/embed"
)

// startTimeout is how long a server may take to serve; it takes about a second.
const startTimeout = time.Minute

// defaultPatience is how long a system may take to answer. It is long: running
// into it counts as a difference.
const defaultPatience = 20 * time.Second

// hastyPatience is for scripts that are run many times, and in which an answer
// probably will not come.
const hastyPatience = 3 * time.Second

// system is a server of etcd's API.
type system struct {
	name string
	// start runs an empty server on a directory.
	start func(ctx context.Context, dir string) (endpoint string, stop func() error, err error)
	// oracle is set for etcd: it is known to accept what it must not be sent
	// (wanted_test.go).
	oracle bool
	// patience is how long to wait for it.
	patience time.Duration
	// dialled wraps the connection, so that a test can distort what it carries.
	dialled func(grpc.ClientConnInterface) grpc.ClientConnInterface
}

var (
	etcdSystem     = system{name: "etcd", start: startEtcd, oracle: true, patience: defaultPatience}
	conclaveSystem = system{name: "conclave", start: startConclave, patience: defaultPatience}
)

// startEtcd runs etcd with its defaults, but that it does not sync to disk.
func startEtcd(ctx context.Context, dir string) (string, func() error, error) {
	config := etcd.NewConfig()
	config.Dir = filepath.Join(dir, "etcd")
	config.UnsafeNoFsync = true
	config.EnableGRPCGateway = false
	config.QuotaBackendBytes = 8 << 30
	config.LogLevel = "fatal"
	config.LogOutputs = []string{"stderr"}
	config.WarningApplyDuration = time.Hour
	config.WarningUnaryRequestDuration = time.Hour
	free := []url.URL{{Scheme: "http", Host: "127.0.0.1:0"}}
	config.ListenClientUrls, config.AdvertiseClientUrls = free, free
	config.ListenPeerUrls, config.AdvertisePeerUrls = free, free
	config.InitialCluster = config.InitialClusterFromName(config.Name)
	server, err := etcd.StartEtcd(config)
	if err != nil {
		return "", nil, err
	}
	stop := func() error {
		server.Close()
		return nil
	}
	select {
	case <-server.Server.ReadyNotify():
		return server.Clients[0].Addr().String(), stop, nil
	case err = <-server.Err():
	case <-ctx.Done():
		err = context.Cause(ctx)
	}
	return "", nil, errors.Join(err, stop())
}

// startConclave runs a node as `conclave server` would, durable writes included.
func startConclave(ctx context.Context, dir string) (string, func() error, error) {
	node, err := conclave.Start(ctx, conclave.Config{
		Dir:     filepath.Join(dir, "conclave"),
		EtcdURL: "http://127.0.0.1:0",
	})
	if err != nil {
		return "", nil, err
	}
	at, err := url.Parse(node.EtcdEndpoints()[0])
	if err != nil {
		return "", nil, errors.Join(err, node.Stop())
	}
	return at.Host, node.Stop, nil
}

// server is a running system and a connection to it.
type server struct {
	system
	conn *grpc.ClientConn
	// compacted is how far it is compacted before a script begins.
	compacted int64
	// api is what calls go through: conn, or something that distorts it.
	api  grpc.ClientConnInterface
	stop func() error
}

func startServer(ctx context.Context, kind system) (*server, error) {
	dir, err := os.MkdirTemp("", "differential-")
	if err != nil {
		return nil, err
	}
	endpoint, stop, err := kind.start(ctx, dir)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("cannot start %s: %w", kind.name, err), os.RemoveAll(dir))
	}
	remove := func() error { return errors.Join(stop(), os.RemoveAll(dir)) }
	conn, err := grpc.NewClient("passthrough:///"+endpoint,
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDisableRetry(),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(64<<20)))
	if err != nil {
		return nil, errors.Join(err, remove())
	}
	s := &server{system: kind, conn: conn, api: conn, compacted: -1}
	if kind.dialled != nil {
		s.api = kind.dialled(conn)
	}
	s.stop = func() error { return errors.Join(conn.Close(), remove()) }
	return s, nil
}

// pair is two servers that are compared; the first is believed.
type pair [2]*server

// startPair runs two systems, side by side because starting is mostly waiting.
func startPair(ctx context.Context, first, second system) (pair, error) {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	var p pair
	var errs [2]error
	var starting sync.WaitGroup
	for i, kind := range []system{first, second} {
		starting.Go(func() { p[i], errs[i] = startServer(ctx, kind) })
	}
	starting.Wait()
	if err := errors.Join(errs[0], errs[1]); err != nil {
		return pair{}, errors.Join(err, p.close())
	}
	return p, nil
}

func (p pair) close() error {
	var errs [2]error
	var stopping sync.WaitGroup
	for i, s := range p {
		if s != nil {
			stopping.Go(func() { errs[i] = s.stop() })
		}
	}
	stopping.Wait()
	return errors.Join(errs[0], errs[1])
}

// newPair runs a pair for as long as a test.
func newPair(t *testing.T, first, second system) pair {
	t.Helper()
	p, err := startPair(t.Context(), first, second)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.close(); err != nil {
			t.Error(err)
		}
	})
	return p
}
