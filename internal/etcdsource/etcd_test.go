package etcdsource

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/conclavehq/conclave/embed"
	"github.com/conclavehq/conclave/internal/archive"
	"github.com/conclavehq/conclave/internal/migrate"
	conclave "github.com/conclavehq/conclave/sdk"
)

// patience is how long anything may take that a test waits for.
const patience = time.Minute

// proxy stands between, and breaks connections when it is told to.
type proxy struct {
	net.Listener
	to    string
	mu    sync.Mutex
	conns []net.Conn
}

func newProxy(t *testing.T, to string) *proxy {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{Listener: l, to: to}
	var running sync.WaitGroup
	running.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			running.Go(func() { p.pass(conn) })
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		p.cut()
		running.Wait()
	})
	return p
}

// pass copies both ways until one ends.
func (p *proxy) pass(conn net.Conn) {
	back, err := net.Dial("tcp", p.to)
	if err != nil {
		_ = conn.Close()
		return
	}
	p.mu.Lock()
	p.conns = append(p.conns, conn, back)
	p.mu.Unlock()
	var both sync.WaitGroup
	for _, pair := range [][2]net.Conn{{conn, back}, {back, conn}} {
		both.Go(func() {
			_, _ = io.Copy(pair[0], pair[1])
			_ = pair[0].Close()
		})
	}
	both.Wait()
}

// cut breaks all connections.
func (p *proxy) cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, conn := range p.conns {
		_ = conn.Close()
	}
	p.conns = nil
}

// site is a node that speaks etcd's API, behind a proxy, and a client of its own API.
type site struct {
	proxy  *proxy
	client *conclave.Client
}

func newSite(t *testing.T) *site {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	node, err := embed.Start(ctx, embed.Config{Dir: t.TempDir(), EtcdURL: "http://127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = node.Stop() })
	c, err := conclave.Dial(ctx, node.Endpoints())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return &site{proxy: newProxy(t, strings.TrimPrefix(node.EtcdEndpoints()[0], "http://")), client: c}
}

func (s *site) open(t *testing.T, span migrate.Span) *Etcd {
	t.Helper()
	e, err := Open(within(t), Config{
		Endpoints: []string{s.proxy.Addr().String()}, DialTimeout: time.Second, Patience: 10 * time.Second,
		Span: span, Note: func(string) {},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(e.Close)
	return e
}

func within(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	return ctx
}

func (s *site) put(t *testing.T, key, value string, options ...conclave.PutOption) int64 {
	t.Helper()
	revision, err := s.client.Put(within(t), key, value, options...)
	if err != nil {
		t.Fatal(err)
	}
	return int64(revision)
}

// All pages are of one revision, whatever is written meanwhile and however often the
// connection breaks.
func TestPages(t *testing.T) {
	s := newSite(t)
	lease, err := s.client.GrantLease(within(t), conclave.WithTTL(90*time.Second))
	if err != nil {
		t.Fatal(err)
	}
	var revision int64
	for i := range 300 {
		revision = s.put(t, fmt.Sprintf("k%03d", i), strings.Repeat("v", i), conclave.WithLease(lease))
	}
	e := s.open(t, migrate.Span{From: "k", To: "l"})
	if head, err := e.Head(within(t)); err != nil || head != revision {
		t.Errorf("head %d, %v", head, err)
	}
	if n, err := e.Count(within(t), revision); err != nil || n != 300 {
		t.Errorf("%d keys, %v", n, err)
	}
	source := e.At(revision)
	var all []archive.Key
	var from []byte
	for more := true; more; {
		var page []archive.Key
		if page, more, err = source.Keys(within(t), from); err != nil {
			t.Fatal(err)
		}
		all = append(all, page...)
		from = append(slices.Clone(page[len(page)-1].Key), 0)
		s.put(t, "k150", "changed")
		s.proxy.cut()
	}
	if len(all) != 300 || string(all[150].Value) != strings.Repeat("v", 150) || all[150].Lease != int64(lease) || all[150].Version != 1 {
		t.Errorf("%d keys, %+v", len(all), all[150])
	}
	leases, _, err := source.Leases(within(t), 0)
	if err != nil || !slices.Equal(leases, []archive.Lease{{ID: int64(lease), TTL: 90 * time.Second}}) {
		t.Errorf("%v, %v", leases, err)
	}
	if ttl, err := e.TTL(within(t), 12345); err != nil || ttl != 0 {
		t.Errorf("a lease that is not there: %v, %v", ttl, err)
	}
}

var errEnough = errors.New("enough")

// Changes come in order, each once, however often the connection breaks.
func TestChanges(t *testing.T) {
	s := newSite(t)
	first := s.put(t, "before", "x")
	e := s.open(t, migrate.Span{})
	const most = 60
	next, written, silent := first+1, 0, false
	err := e.Changes(within(t), first, func(news migrate.News) error {
		silent = silent || len(news.Revisions) == 0
		for _, revision := range news.Revisions {
			if int64(revision.Revision) != next || len(revision.Changes) != 1 || revision.Changes[0].Put.Key != "k" {
				return fmt.Errorf("revision %d is told as %+v", next, revision)
			}
			next++
		}
		if written == most && silent && next == first+1+most {
			return errEnough
		}
		if written < most {
			written++
			s.put(t, "k", "v")
			if written%7 == 0 {
				s.proxy.cut()
			}
		}
		return nil
	})
	if !errors.Is(err, errEnough) {
		t.Error(err)
	}
}

// A part of the keys is told up to where, also when others have changed.
func TestChangesOfASpan(t *testing.T) {
	s := newSite(t)
	first := s.put(t, "a/1", "x")
	e := s.open(t, migrate.Span{From: "a/", To: "a0"})
	s.put(t, "a/2", "x")
	last := s.put(t, "b", "x")
	told := 0
	err := e.Changes(within(t), first, func(news migrate.News) error {
		if told += len(news.Revisions); news.Through >= last {
			return errEnough
		}
		return nil
	})
	if !errors.Is(err, errEnough) || told != 1 {
		t.Errorf("%d revisions, %v", told, err)
	}
}

func TestCompacted(t *testing.T) {
	s := newSite(t)
	first := s.put(t, "a", "1")
	last := s.put(t, "a", "2")
	if err := s.client.Compact(within(t), conclave.Revision(last)); err != nil {
		t.Fatal(err)
	}
	e := s.open(t, migrate.Span{})
	var compacted *migrate.CompactedError
	if _, _, err := e.At(first).Keys(within(t), nil); !errors.As(err, &compacted) || compacted.Asked != first {
		t.Errorf("keys: %v", err)
	}
	err := e.Changes(within(t), first-1, func(migrate.News) error { return nil })
	if !errors.As(err, &compacted) || compacted.Asked != first || compacted.First != last {
		t.Errorf("changes: %v", err)
	}
}
