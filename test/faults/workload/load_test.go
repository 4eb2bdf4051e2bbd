package workload

import (
	"context"
	"path/filepath"
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

// after lets a load run for a while.
func after(d time.Duration) { <-time.After(d) }

func TestLoad(t *testing.T) {
	node := serve(t)
	records := record(t, Config{Endpoints: node.Endpoints(), EtcdEndpoints: node.EtcdEndpoints(), Seed: 1},
		func(*Load) { after(8 * time.Second) })
	validate(t, records)
	survey(t, records)
	for _, r := range records {
		if r.Outcome == history.Unknown {
			t.Errorf("nothing was wrong, and an outcome is unknown: %+v", r)
			break
		}
	}
}
