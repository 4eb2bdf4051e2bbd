package statemachine

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"testing"

	dbsm "github.com/lni/dragonboat/v4/statemachine"

	logv1 "github.com/conclavehq/conclave/proto/gen/conclave/log/v1"
	"github.com/conclavehq/conclave/statemachine/feed"
	"github.com/conclavehq/conclave/statemachine/snapshot"
)

// filled is a replica with something of most things.
func filled(t testing.TB) *replica {
	r := open(t, t.TempDir())
	r.must(grantLease(5, 60_000), grantLease(6, 30_000), put("a", "1"), put("a", "2"))
	r.must(acquire("m", 5, 0), acquire("m", 6, -1))
	for i := range 500 {
		r.must(put(fmt.Sprintf("key/%04d", i), string(bytes.Repeat([]byte{byte(i)}, 2000))))
	}
	return r
}

func TestSnapshotCarriesTheWholeState(t *testing.T) {
	from, to := filled(t), open(t, t.TempDir())
	to.must(put("other", "state"), dropNamespace(3))
	data := from.snapshot()
	to.recover(data)

	same(t, "records", from.dump(), to.dump())
	check := func() {
		t.Helper()
		due, _ := from.NextDue()
		if got, ok := to.NextDue(); !ok || got != due {
			t.Errorf("next due is %d, %v; want %d", got, ok, due)
		}
		if to.Applied() != from.Applied() || to.Epoch() != from.Epoch() || to.Clock() != from.Clock() {
			t.Error("index, epoch or clock differ")
		}
		if !bytes.Equal(data, to.snapshot()) {
			t.Error("a snapshot of the recovered state is another one")
		}
	}
	check()
	if err := to.Sync(); err != nil {
		t.Fatal(err)
	}
	to = to.reopen()
	check()

	same(t, "what is done next", from.must(put("a", "3"), grantLease(7, 1000)), to.must(put("a", "3"), grantLease(7, 1000)))
	if entries, _ := os.ReadDir(to.config.Dir); len(entries) != 2 {
		t.Errorf("the directory holds %v", entries)
	}
}

// A snapshot is of the moment at which it was prepared.
func TestSnapshotIsOfOneMoment(t *testing.T) {
	r, to := filled(t), open(t, t.TempDir())
	want := r.dump()
	token, err := r.PrepareSnapshot()
	if err != nil {
		t.Fatal(err)
	}
	r.must(put("a", "later"), dropNamespace(1))
	var out bytes.Buffer
	if err := r.SaveSnapshot(token, &out, make(chan struct{})); err != nil {
		t.Fatal(err)
	}
	to.recover(out.Bytes())
	same(t, "records", want, to.dump())
}

func TestDamagedSnapshotsAreRefused(t *testing.T) {
	data := filled(t).snapshot()
	flipped := bytes.Clone(data)
	flipped[len(flipped)/2] ^= 1
	to := open(t, t.TempDir())
	to.must(put("a", "mine"))
	before := to.dump()
	for name, bad := range map[string][]byte{
		"empty": nil, "cut off": data[:len(data)-10], "flipped bit": flipped, "garbage": []byte("what is this?"),
	} {
		err := to.RecoverFromSnapshot(bytes.NewReader(bad), make(chan struct{}))
		if !errors.Is(err, snapshot.ErrDamaged) {
			t.Errorf("%s: got %v", name, err)
		}
	}
	other := New(Config{Shard: testShard + 2, Dir: t.TempDir()})
	if _, err := other.Open(make(chan struct{})); err != nil {
		t.Fatal(err)
	}
	if err := other.RecoverFromSnapshot(bytes.NewReader(data), make(chan struct{})); err == nil {
		t.Error("a snapshot of another shard was taken")
	}
	if err := other.Close(); err != nil {
		t.Fatal(err)
	}

	same(t, "records", before, to.dump())
	to.must(put("a", "still"))
	if to = to.reopen(); to.get("a") != "still" {
		t.Error("the replica did not go on with what it had")
	}
}

func TestSnapshotsStop(t *testing.T) {
	r := filled(t)
	stopped := make(chan struct{})
	close(stopped)
	token, err := r.PrepareSnapshot()
	if err != nil {
		t.Fatal(err)
	}
	if err := r.SaveSnapshot(token, io.Discard, stopped); err != dbsm.ErrSnapshotStopped {
		t.Errorf("save: %v", err)
	}
	if err := r.RecoverFromSnapshot(bytes.NewReader(r.snapshot()), stopped); err != dbsm.ErrSnapshotStopped {
		t.Errorf("recover: %v", err)
	}
	if _, err := New(r.config).Open(stopped); err != dbsm.ErrOpenStopped {
		t.Errorf("open: %v", err)
	}
	broken := errors.New("connection lost")
	if token, err = r.PrepareSnapshot(); err != nil {
		t.Fatal(err)
	}
	if err := r.SaveSnapshot(token, failing{broken}, make(chan struct{})); err != broken {
		t.Errorf("a failing writer: %v", err)
	}
}

type failing struct{ err error }

func (f failing) Write([]byte) (int, error) { return 0, f.err }

// Dragonboat may prepare a snapshot and never save it.
func TestRegressionDragonboatForgottenSnapshots(t *testing.T) {
	r := filled(t)
	for range 3 {
		if _, err := r.PrepareSnapshot(); err != nil {
			t.Fatal(err)
		}
	}
	runtime.GC()
	r.reopen() // hangs if a view is still open
}

// What a crash in the middle of a recovery leaves behind is deleted; the state
// that CURRENT names is the state.
func TestLeftoversAreDeleted(t *testing.T) {
	r := open(t, t.TempDir())
	r.must(put("a", "1"))
	dir := r.config.Dir
	for _, leftover := range []string{"db-2", "db-17"} {
		if err := os.MkdirAll(filepath.Join(dir, leftover, "x"), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "CURRENT.new"), []byte("db-"), 0o600); err != nil {
		t.Fatal(err)
	}
	r = r.reopen()
	if entries, _ := os.ReadDir(dir); len(entries) != 2 || r.get("a") != "1" {
		t.Errorf("the directory holds %v, a is %q", entries, r.get("a"))
	}
}

// Promise S2: data that is gone is not replaced by an empty state.
func TestLostDataIsNoNewReplica(t *testing.T) {
	r := open(t, t.TempDir())
	r.must(put("a", "1"))
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	for _, entry := range []string{"db-1", ""} {
		if entry != "" {
			if err := os.RemoveAll(filepath.Join(r.config.Dir, entry)); err != nil {
				t.Fatal(err)
			}
		} else if err := os.WriteFile(filepath.Join(r.config.Dir, "CURRENT"), nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := New(r.config).Open(make(chan struct{})); err == nil {
			t.Error("the replica opened as if it were new")
		}
	}
}

// Queries, watches and waits may run while the state is replaced and while the
// machine closes; each gets an answer or a clear error.
func TestRegressionDragonboatReadersDuringClose(t *testing.T) {
	source := filled(t)
	data := source.snapshot()
	r := open(t, t.TempDir())
	r.must(put("a", "0"))

	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var readers sync.WaitGroup
	ready := make(chan struct{}, 8)
	for range 4 {
		readers.Add(2)
		go func() {
			defer readers.Done()
			for once := true; ; once = false {
				_, err := r.Lookup(&logv1.Query{NamespaceId: 1, Body: &logv1.Query_Range{Range: &logv1.Range{
					Key: []byte("a"), RangeEnd: []byte{0},
				}}})
				if once {
					ready <- struct{}{}
				}
				if errors.Is(err, ErrClosed) {
					return
				}
				if err != nil {
					t.Errorf("query: %v", err)
					return
				}
			}
		}()
		go func() {
			defer readers.Done()
			w, err := r.Watch(feed.WatchRequest{Namespace: 1, Key: []byte("a"), RangeEnd: []byte{0}, StartRevision: 1})
			ready <- struct{}{}
			for err == nil {
				_, err = w.Next(ctx)
			}
			if !errors.Is(err, feed.ErrClosed) {
				t.Errorf("watch: %v", err)
			}
		}()
	}
	for range cap(ready) {
		<-ready
	}
	for range 3 {
		r.recover(data)
		r.must(put("a", "again"))
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	readers.Wait()
	if _, err := r.Query(t.Context(), &logv1.Query{}); !errors.Is(err, ErrClosed) {
		t.Errorf("a query after close: %v", err)
	}
	if _, err := r.Watch(feed.WatchRequest{Namespace: 1}); !errors.Is(err, feed.ErrClosed) {
		t.Errorf("a watch after close: %v", err)
	}
}
