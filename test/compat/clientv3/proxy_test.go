package clientv3

import (
	"fmt"
	"io"
	"net"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/conclavehq/conclave/test/compat/rig"
	clientv3 "go.etcd.io/etcd/client/v3"
)

// proxy passes connections on to a server, and cuts them.
type proxy struct {
	net.Listener
	to string

	mu    sync.Mutex
	conns []net.Conn
}

// startProxy starts a proxy that ends with the test.
func startProxy(t *testing.T, to string) *proxy {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{Listener: l, to: to}
	go p.serve()
	t.Cleanup(func() {
		_ = l.Close()
		p.cut()
	})
	return p
}

func (p *proxy) serve() {
	for {
		in, err := p.Accept()
		if err != nil {
			return
		}
		out, err := net.Dial("tcp", p.to)
		if err != nil {
			_ = in.Close()
			continue
		}
		p.mu.Lock()
		p.conns = append(p.conns, in, out)
		p.mu.Unlock()
		for _, way := range [][2]net.Conn{{in, out}, {out, in}} {
			go func() {
				_, _ = io.Copy(way[0], way[1])
				_ = way[0].Close()
			}()
		}
	}
}

// cut ends all connections. It returns how many there were.
func (p *proxy) cut() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := len(p.conns) / 2
	for _, c := range p.conns {
		_ = c.Close()
	}
	p.conns = nil
	return n
}

// A watch and a lease outlive the connection: nothing is missed, and nothing comes
// twice.
func TestConnectionCut(t *testing.T) {
	rig.Each(t, func(t *testing.T, kind rig.Program) {
		t.Parallel()
		server := rig.Start(t, kind, 1).Nodes[0]
		for name, endpoint := range map[string]string{"native": server.Endpoint, "client port": server.Site} {
			t.Run(name, func(t *testing.T) { survivesCuts(t, server.Endpoint, startProxy(t, endpoint)) })
		}
	})
}

func survivesCuts(t *testing.T, server string, p *proxy) {
	const cuts, each = 5, 20
	ctx := rig.Within(t, rig.Patience)
	c, writer := connect(t, p.Addr().String()), connect(t, server)
	lease, err := c.Grant(ctx, 5)
	if err != nil {
		t.Fatal(err)
	}
	alive, err := c.KeepAlive(ctx, lease.ID)
	if err != nil {
		t.Fatal(err)
	}
	watch := c.Watch(ctx, key(t, ""), clientv3.WithPrefix(), clientv3.WithCreatedNotify())
	<-watch
	go func() {
		for i := range cuts * each {
			if i%each == 0 && p.cut() == 0 {
				t.Error("there was no connection to cut")
			}
			if _, err := writer.Put(ctx, key(t, "k"), strconv.Itoa(i)); err != nil {
				t.Error(err)
			}
		}
	}()
	for want := 0; want < cuts*each; {
		for _, e := range next(t, watch).Events {
			if string(e.Kv.Value) != strconv.Itoa(want) {
				t.Fatalf("event %d is %s", want, e.Kv.Value)
			}
			want++
		}
	}
	p.cut()
	if r, err := c.Get(ctx, key(t, "k")); err != nil || string(r.Kvs[0].Value) != fmt.Sprint(cuts*each-1) {
		t.Errorf("a read: %v, %v", r, err)
	}
	for began := time.Now(); time.Since(began) < 2*time.Second; { // longer than the client waits to keep it alive again
		if r := <-alive; r == nil {
			t.Fatal("the lease was lost")
		}
	}
}
