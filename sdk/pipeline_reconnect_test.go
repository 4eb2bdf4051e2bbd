package conclave_test

import (
	"io"
	"net"
	"strings"
	"sync"
	"testing"

	conclave "github.com/conclavehq/conclave/sdk"
)

// cutter forwards connections to a node and cuts them when told.
type cutter struct {
	listener net.Listener
	target   string
	work     sync.WaitGroup

	mu    sync.Mutex // protects conns
	conns []net.Conn
}

func newCutter(t *testing.T, target string) *cutter {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	c := &cutter{listener: listener, target: strings.TrimPrefix(target, "http://")}
	c.work.Go(c.accept)
	t.Cleanup(func() {
		_ = listener.Close()
		c.cut()
		c.work.Wait()
	})
	return c
}

func (c *cutter) url() string { return "http://" + c.listener.Addr().String() }

func (c *cutter) accept() {
	for {
		near, err := c.listener.Accept()
		if err != nil {
			return
		}
		far, err := net.Dial("tcp", c.target)
		if err != nil {
			_ = near.Close()
			continue
		}
		c.mu.Lock()
		c.conns = append(c.conns, near, far)
		c.mu.Unlock()
		pump := func(to, from net.Conn) {
			_, _ = io.Copy(to, from)
			_ = to.Close()
			_ = from.Close()
		}
		c.work.Go(func() { pump(near, far) })
		c.work.Go(func() { pump(far, near) })
	}
}

func (c *cutter) cut() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, conn := range c.conns {
		_ = conn.Close()
	}
	c.conns = nil
}

// Each write takes effect once, however often the stream that carries it is cut.
// Promise D5
func TestCutStreams(t *testing.T) {
	between := newCutter(t, endpoints[0])
	c, err := conclave.Dial(t.Context(), []string{between.url()})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	if _, err := c.Delete(t.Context(), "cut"); err != nil {
		t.Fatal(err)
	}
	const callers, writes, cutEvery = 40, 60, 150
	var done sync.WaitGroup
	written := make(chan struct{}, callers*writes)
	for range callers {
		done.Go(func() {
			for range writes {
				if _, err := c.Put(t.Context(), "cut", "x"); err != nil {
					t.Error(err)
					return
				}
				written <- struct{}{}
			}
		})
	}
	go func() {
		done.Wait()
		close(written)
	}()
	n := 0
	for range written {
		if n++; n%cutEvery == 0 {
			between.cut()
		}
	}
	kv, err := c.Get(t.Context(), "cut")
	if err != nil || kv.Version != callers*writes {
		t.Errorf("%d writes made version %d, %v", n, kv.Version, err)
	}
}
