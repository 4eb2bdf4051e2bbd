package workload

import (
	"context"
	"errors"
	"net"
	"net/http"
	"sync"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"
	"google.golang.org/grpc"

	conclave "github.com/conclavehq/conclave/sdk"
	"github.com/conclavehq/conclave/test/faults/history"
)

// everyNode stands for all endpoints instead of one.
const everyNode = -1

// lane is what clients have in common that share connections.
type lane struct {
	workload  history.Workload
	node      int // or everyNode
	namespace string
}

// pool dials each lane once.
type pool struct {
	cfg       Config
	life      context.Context // of etcd's clients, some of whose calls end with it alone
	transport *http.Transport // of single attempts, and of the SDK when Config.Dial is set

	mu   sync.Mutex // protects what follows, and orders dialing
	sdk  map[lane]*conclave.Client
	etcd map[lane]*clientv3.Client
}

func newPool(life context.Context, cfg Config) *pool {
	var protocols http.Protocols
	protocols.SetUnencryptedHTTP2(true)
	return &pool{
		cfg:  cfg,
		life: life,
		transport: &http.Transport{DialContext: cfg.Dial, Protocols: &protocols, DisableCompression: true,
			HTTP2: &http.HTTP2Config{SendPingTimeout: 5 * time.Second, PingTimeout: 5 * time.Second, WriteByteTimeout: 5 * time.Second}},
		sdk:  make(map[lane]*conclave.Client),
		etcd: make(map[lane]*clientv3.Client),
	}
}

// check dials all nodes once, so that nonsense is told by Start.
func (p *pool) check() error {
	_, err := p.sdkClient(lane{history.Harness, everyNode, "default"})
	if len(p.cfg.EtcdEndpoints) > 0 {
		_, failed := p.etcdClient(lane{history.Harness, everyNode, "default"})
		err = errors.Join(err, failed)
	}
	return err
}

// sdkClient is the SDK client of a lane. Nothing is connected before it is used.
func (p *pool) sdkClient(where lane) (*conclave.Client, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if c := p.sdk[where]; c != nil {
		return c, nil
	}
	c, err := p.ownSDK(where)
	if err == nil {
		p.sdk[where] = c
	}
	return c, err
}

// ownSDK dials a client that is shared with nobody: for one that vanishes together
// with its connections. Who asks for it closes it.
func (p *pool) ownSDK(where lane) (*conclave.Client, error) {
	endpoints := p.cfg.Endpoints
	if where.node != everyNode {
		endpoints = endpoints[where.node : where.node+1]
	}
	opts := []conclave.Option{conclave.WithNamespace(where.namespace),
		conclave.WithDialTimeout(500 * time.Millisecond), conclave.WithRequestTimeout(time.Second)}
	if p.cfg.Dial != nil {
		opts = append(opts, conclave.WithHTTPClient(&http.Client{Transport: p.transport}))
	}
	return conclave.Dial(context.Background(), endpoints, opts...)
}

// etcdClient is etcd's client of a lane, which knows no namespaces.
func (p *pool) etcdClient(where lane) (*clientv3.Client, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if c := p.etcd[where]; c != nil {
		return c, nil
	}
	endpoints := p.cfg.EtcdEndpoints
	if where.node != everyNode {
		endpoints = endpoints[where.node : where.node+1]
	}
	cfg := clientv3.Config{Endpoints: endpoints, Context: p.life, DialTimeout: time.Second, Logger: zap.NewNop(),
		DialKeepAliveTime: 10 * time.Second, DialKeepAliveTimeout: 2 * time.Second}
	if p.cfg.Dial != nil {
		cfg.DialOptions = append(cfg.DialOptions, grpc.WithContextDialer(func(ctx context.Context, addr string) (net.Conn, error) {
			return p.cfg.Dial(ctx, "tcp", addr)
		}))
	}
	c, err := clientv3.New(cfg)
	if err == nil {
		p.etcd[where] = c
	}
	return c, err
}

// forget closes the clients of a namespace that nobody uses any more.
func (p *pool) forget(namespace string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for where, c := range p.sdk {
		if where.namespace == namespace {
			_ = c.Close()
			delete(p.sdk, where)
		}
	}
}

func (p *pool) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range p.sdk {
		_ = c.Close()
	}
	for _, c := range p.etcd {
		_ = c.Close()
	}
	p.transport.CloseIdleConnections()
}
