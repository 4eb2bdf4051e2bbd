package workload

import (
	"context"
	"net"
	"path/filepath"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/conclavehq/conclave/embed"
	"github.com/conclavehq/conclave/test/faults/history"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// serve starts a node, also for etcd's clients.
func serve(t *testing.T) *embed.Node {
	t.Helper()
	node, err := embed.Start(t.Context(), embed.Config{Dir: t.TempDir(), EtcdURL: "http://127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := node.Stop(); err != nil {
			t.Error(err)
		}
	})
	return node
}

// record runs a load for a while, with what disturb does meanwhile, and returns the
// history.
func record(t *testing.T, cfg Config, disturb func(l *Load)) []history.Record {
	t.Helper()
	path := filepath.Join(t.TempDir(), "history")
	w, err := history.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	cfg.History = w
	l, err := Start(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	disturb(l)
	l.Stop()
	took := w.Now()
	t.Logf("%d records in %v, %.0f a second", w.Count(), took, float64(w.Count())/took.Seconds())
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := l.Finish(ctx); err != nil {
		t.Error(err)
	}
	if l.LastWrite() == 0 || l.LastWrite() > w.Now() {
		t.Errorf("the last write was at %v", l.LastWrite())
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	records, err := history.Read(path)
	if err != nil {
		t.Fatal(err)
	}
	return records
}

// grow lets a load run until so many more records were added.
func grow(t *testing.T, l *Load, more int64) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	look := time.NewTicker(time.Millisecond)
	defer look.Stop()
	for goal := l.history.Count() + more; l.history.Count() < goal; {
		select {
		case <-look.C:
		case <-ctx.Done():
			t.Fatalf("%d records are missing of %d", goal-l.history.Count(), more)
		}
	}
}

func TestLoad(t *testing.T) {
	node := serve(t)
	records := record(t, Config{Endpoints: node.Endpoints(), EtcdEndpoints: node.EtcdEndpoints(), Seed: 1},
		func(l *Load) { grow(t, l, 30_000) })
	validate(t, records)
	survey(t, records)
	unknown := 0
	for _, r := range records {
		if r.Outcome == history.Unknown {
			unknown++
		}
	}
	// A machine that is busy with something else lets deadlines pass, of 300 ms some.
	if unknown > len(records)/10 {
		t.Errorf("nothing was wrong, and %d outcomes are unknown", unknown)
	}
	for _, w := range []history.Workload{history.Registers, history.Lists, history.Watches, history.Counters, history.Namespaces, history.Compactions} {
		if !slices.ContainsFunc(records, func(r history.Record) bool { return r.Workload == w && r.Outcome == history.OK }) {
			t.Errorf("workload %d did nothing", w)
		}
	}
}

// All connections are made by Config.Dial, and what was not asked for does not run.
func TestDialAndOnly(t *testing.T) {
	node := serve(t)
	var dialed [2]atomic.Int32
	dial := func(ctx context.Context, network, addr string) (net.Conn, error) {
		for i, endpoint := range []string{node.Endpoints()[0], node.EtcdEndpoints()[0]} {
			if "http://"+addr == endpoint {
				dialed[i].Add(1)
			}
		}
		return (&net.Dialer{}).DialContext(ctx, network, addr)
	}
	records := record(t, Config{Endpoints: node.Endpoints(), EtcdEndpoints: node.EtcdEndpoints(),
		Only: []history.Workload{history.Counters}, Dial: dial}, func(l *Load) { grow(t, l, 250) })
	validate(t, records)
	for i := range dialed {
		if dialed[i].Load() == 0 {
			t.Errorf("endpoint %d was not dialed", i)
		}
	}
	for _, r := range records {
		if r.Workload != history.Counters && r.Workload != history.Watches {
			t.Fatalf("nobody asked for this: %+v", r)
		}
	}
}

func TestStartRefusesNonsense(t *testing.T) {
	w, err := history.Create(filepath.Join(t.TempDir(), "history"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = w.Close() }()
	for name, cfg := range map[string]Config{
		"no endpoints":     {History: w},
		"no history":       {Endpoints: []string{"http://127.0.0.1:1"}},
		"a bad endpoint":   {Endpoints: []string{"ftp://127.0.0.1"}, History: w},
		"endpoints differ": {Endpoints: []string{"http://127.0.0.1:1"}, EtcdEndpoints: []string{"http://a:1", "http://b:1"}, History: w},
	} {
		if l, err := Start(t.Context(), cfg); err == nil {
			l.Close()
			t.Errorf("%s: it starts", name)
		}
	}
}

// Connections break all the time, and the node is restarted.
func TestLoadOverFaults(t *testing.T) {
	dir := t.TempDir()
	start := func() *embed.Node {
		node, err := embed.Start(t.Context(), embed.Config{Dir: dir, EtcdURL: "http://127.0.0.1:0"})
		if err != nil {
			t.Fatal(err)
		}
		return node
	}
	native, etcd := newProxy(t), newProxy(t)
	lead := func(node *embed.Node) {
		native.pass(t, node.Endpoints()[0])
		etcd.pass(t, node.EtcdEndpoints()[0])
	}
	node := start()
	lead(node)
	records := record(t, Config{Endpoints: []string{native.url()}, EtcdEndpoints: []string{etcd.url()}, Seed: 2},
		func(l *Load) {
			for range 8 {
				grow(t, l, 500)
				native.cut()
				etcd.cut()
			}
			if err := node.Stop(); err != nil {
				t.Error(err)
			}
			node = start()
			lead(node)
			grow(t, l, 4000)
		})
	if err := node.Stop(); err != nil {
		t.Error(err)
	}
	validate(t, records)
	survey(t, records)
	unknown := slices.ContainsFunc(records, func(r history.Record) bool { return r.Outcome == history.Unknown })
	if !unknown {
		t.Error("all outcomes are known, so nothing was broken")
	}
}
