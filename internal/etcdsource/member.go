package etcdsource

import (
	"context"
	"crypto/tls"
	"errors"
	"math"
	"net"
	"time"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/keepalive"
)

// attemptTimeout bounds one call to one member.
const attemptTimeout = 20 * time.Second

// A connection that is silent for pingAfter is asked whether it lives. etcd hangs up
// on those who ask more often than every 5 s.
const (
	pingAfter = 10 * time.Second
	pingWait  = 5 * time.Second
)

// member is one endpoint.
type member struct {
	endpoint string
	conn     *grpc.ClientConn
	dialed   dialed
	kv       pb.KVClient
	lease    pb.LeaseClient
	watch    pb.WatchClient
	auth     pb.AuthClient
}

func newMember(endpoint string, config Config) (*member, error) {
	at, err := parse(endpoint, config.TLS != nil)
	if err != nil {
		return nil, err
	}
	m := &member{endpoint: endpoint}
	security := insecure.NewCredentials()
	if at.secure {
		settings := config.TLS.Clone()
		if settings == nil {
			settings = &tls.Config{MinVersion: tls.VersionTLS12}
		}
		security = credentials.NewTLS(settings)
	}
	m.conn, err = grpc.NewClient("passthrough:///"+at.address,
		grpc.WithTransportCredentials(security),
		grpc.WithContextDialer(m.dialed.with(&net.Dialer{Timeout: config.DialTimeout})),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(math.MaxInt32)),
		grpc.WithKeepaliveParams(keepalive.ClientParameters{Time: pingAfter, Timeout: pingWait}),
		grpc.WithDisableServiceConfig(),
	)
	if err != nil {
		return nil, err
	}
	m.kv, m.lease = pb.NewKVClient(m.conn), pb.NewLeaseClient(m.conn)
	m.watch, m.auth = pb.NewWatchClient(m.conn), pb.NewAuthClient(m.conn)
	return m, nil
}

func (m *member) close() { _ = m.conn.Close() }

// pick is the member that answered last.
func (e *Etcd) pick() *member {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.members[e.mu.current]
}

// leave goes on to the next member, unless somebody else has.
func (e *Etcd) leave(m *member) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.members[e.mu.current] == m {
		e.mu.current = (e.mu.current + 1) % len(e.members)
	}
}

// try makes a call at one member after the other until there is an answer. All calls
// only read, so each may be made again.
func try[Res any](ctx context.Context, e *Etcd, call func(context.Context, *member) (Res, error)) (Res, error) {
	end := time.Now().Add(e.patience)
	var p pause
	for {
		m := e.pick()
		res, err := attempt(ctx, e, m, call)
		if err == nil || !passing(err) || ctx.Err() != nil {
			return res, e.explain(ctx, m, err)
		}
		e.leave(m)
		if time.Now().After(end) || !p.sleep(ctx) {
			return res, e.explain(ctx, m, err)
		}
	}
}

// attempt makes a call once, or twice when the token was too old.
func attempt[Res any](ctx context.Context, e *Etcd, m *member, call func(context.Context, *member) (Res, error)) (Res, error) {
	ctx, cancel := context.WithTimeout(ctx, attemptTimeout)
	defer cancel()
	var none Res
	for again := false; ; again = true {
		authorized, err := e.authorized(ctx, m)
		if err != nil {
			return none, err
		}
		res, err := call(authorized, m)
		if err == nil || again || !e.outdated(err) {
			return res, err
		}
		e.forgetToken()
	}
}

// pause is how long to wait between attempts: longer each time.
type pause struct{ last time.Duration }

// sleep waits, and reports whether it did so to the end.
func (p *pause) sleep(ctx context.Context) bool {
	p.last = min(max(2*p.last, 50*time.Millisecond), time.Second)
	timer := time.NewTimer(p.last)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// dialed remembers why the last attempt to connect failed: grpc wraps it in words that
// nobody wants to read.
type dialed struct{ failure errorBox }

func (d *dialed) with(dialer *net.Dialer) func(context.Context, string) (net.Conn, error) {
	return func(ctx context.Context, address string) (net.Conn, error) {
		conn, err := dialer.DialContext(ctx, "tcp", address)
		d.failure.set(err)
		return conn, err
	}
}

// reason is why nobody could be reached; nil if somebody could.
func (d *dialed) reason() error {
	err := d.failure.get()
	var network *net.OpError
	if errors.As(err, &network) {
		return network.Err
	}
	return err
}
