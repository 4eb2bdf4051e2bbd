package conclave_test

import (
	"io"
	"net"
	"strings"
	"sync"
	"testing"

	conclave "github.com/conclavehq/conclave/sdk"
)

// cutter forwards connections to a node and cuts them when told. What passes
// either way can be held back.
type cutter struct {
	listener          net.Listener
	target            string
	requests, answers valve
	work              sync.WaitGroup

	mu     sync.Mutex // protects what follows
	conns  []net.Conn
	closed bool // connections are refused
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
		c.requests.open()
		c.answers.open()
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
		if !c.keep(near, far) {
			_ = near.Close()
			_ = far.Close()
			continue
		}
		pump := func(to, from net.Conn, through *valve) {
			_, _ = io.Copy(valved{to, through}, from)
			_ = to.Close()
			_ = from.Close()
		}
		c.work.Go(func() { pump(near, far, &c.answers) })
		c.work.Go(func() { pump(far, near, &c.requests) })
	}
}

func (c *cutter) keep(conns ...net.Conn) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return false
	}
	c.conns = append(c.conns, conns...)
	return true
}

// close cuts, and refuses new connections until open.
func (c *cutter) close() {
	c.mu.Lock()
	c.closed = true
	c.mu.Unlock()
	c.cut()
}

func (c *cutter) open() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closed = false
}

func (c *cutter) cut() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, conn := range c.conns {
		_ = conn.Close()
	}
	c.conns = nil
}

// valve holds back what passes while it is shut.
type valve struct {
	mu   sync.Mutex    // protects shut
	shut chan struct{} // closed when it opens; nil: it is open
	held chan struct{} // gets a token when something is held back
}

func (v *valve) close() {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.shut, v.held = make(chan struct{}), make(chan struct{}, 1)
}

func (v *valve) open() {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.shut != nil {
		close(v.shut)
		v.shut = nil
	}
}

// pass returns when the valve is open.
func (v *valve) pass() {
	v.mu.Lock()
	shut, held := v.shut, v.held
	v.mu.Unlock()
	if shut == nil {
		return
	}
	select {
	case held <- struct{}{}:
	default:
	}
	<-shut
}

// valved writes through a valve.
type valved struct {
	to      io.Writer
	through *valve
}

func (w valved) Write(p []byte) (int, error) {
	w.through.pass()
	return w.to.Write(p)
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
