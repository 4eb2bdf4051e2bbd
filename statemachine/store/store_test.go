package store

import (
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
	"github.com/google/go-cmp/cmp"

	"github.com/conclavehq/conclave/internal/keys"
)

func openMem(t *testing.T) *DB {
	t.Helper()
	db, err := Open("db", Options{FS: vfs.NewMem()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil && !errors.Is(err, ErrClosed) {
			t.Error(err)
		}
	})
	return db
}

func coldKey(n int) []byte { return keys.U32(keys.Prefix(1, keys.Latest), uint32(n)) }
func hotKey(n int) []byte  { return keys.U32(keys.Prefix(1, keys.Mutex), uint32(n)) }

func commit(t *testing.T, batch *Batch) {
	t.Helper()
	if err := batch.Commit(); err != nil {
		t.Fatal(err)
	}
}

func TestViewIsOneMoment(t *testing.T) {
	db := openMem(t)
	batch := db.NewBatch()
	batch.Set(coldKey(1), []byte("old"))
	batch.Set(hotKey(1), []byte("old"))
	commit(t, batch)
	view, err := db.View()
	if err != nil {
		t.Fatal(err)
	}
	defer view.Close()

	batch = db.NewBatch()
	batch.Set(coldKey(1), []byte("new"))
	batch.Set(hotKey(1), []byte("new"))
	commit(t, batch)

	for _, key := range [][]byte{coldKey(1), hotKey(1)} {
		if got := string(view.Get(key)); got != "old" {
			t.Errorf("view has %q at %x, want what it was when the view opened", got, key)
		}
		if got := string(db.NewBatch().Get(key)); got != "new" {
			t.Errorf("batch has %q at %x, want the last commit", got, key)
		}
	}
	if view.Get(coldKey(2)) != nil || view.Err() != nil {
		t.Error("a record that is not there is nil and no error")
	}
}

func TestUncommittedChangesAreNotInViews(t *testing.T) {
	db := openMem(t)
	batch := db.NewBatch()
	batch.Set(hotKey(1), []byte("v"))
	if got := contents(t, db); len(got) != 0 {
		t.Errorf("a view shows uncommitted records: %v", got)
	}
	batch.Discard()
	if db.NewBatch().Get(hotKey(1)) != nil {
		t.Error("a discarded record is still in memory")
	}
}

func TestScannedRecordsStayValid(t *testing.T) {
	db := openMem(t)
	batch := db.NewBatch()
	for n := range 100 {
		batch.Set(coldKey(n), fmt.Appendf(nil, "value %d", n))
	}
	commit(t, batch)
	view, err := db.View()
	if err != nil {
		t.Fatal(err)
	}
	defer view.Close()
	prefix := keys.Prefix(1, keys.Latest)
	for name, scan := range map[string]func(from, to []byte, visit func(k, v []byte) bool){
		"batch": db.NewBatch().Scan, "view": view.Scan,
	} {
		var ks, vs [][]byte
		scan(prefix, keys.After(prefix), func(k, v []byte) bool {
			ks, vs = append(ks, k), append(vs, v)
			return true
		})
		for n := range 100 {
			if string(ks[n]) != string(coldKey(n)) || string(vs[n]) != fmt.Sprintf("value %d", n) {
				t.Fatalf("%s: record %d became %x = %q after the scan", name, n, ks[n], vs[n])
			}
		}
	}
}

func TestCloseWaitsForViews(t *testing.T) {
	db := openMem(t)
	view, err := db.View()
	if err != nil {
		t.Fatal(err)
	}
	closed := make(chan error)
	go func() { closed <- db.Close() }()
	for { // until Close has begun
		other, err := db.View()
		if errors.Is(err, ErrClosed) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		other.Close()
		runtime.Gosched()
	}
	select {
	case <-closed:
		t.Fatal("Close returned while a view was open")
	default:
	}
	if view.Get(coldKey(1)) != nil || view.Err() != nil {
		t.Error("an open view must stay readable")
	}
	if err := errors.Join(view.Close(), view.Close()); err != nil {
		t.Fatal(err)
	}
	if err := <-closed; err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); !errors.Is(err, ErrClosed) {
		t.Errorf("second Close = %v, want ErrClosed", err)
	}
	if err := db.Sync(); !errors.Is(err, ErrClosed) {
		t.Errorf("Sync after Close = %v, want ErrClosed", err)
	}
	if db.Metrics() != (Metrics{}) {
		t.Error("metrics of a closed store are not zero")
	}
}

func TestViewsWhileApplying(t *testing.T) {
	db := openMem(t)
	var readers sync.WaitGroup
	stop := make(chan struct{})
	for range 4 {
		readers.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				view, err := db.View()
				if err != nil {
					t.Error(err)
					return
				}
				hot, cold := string(view.Get(hotKey(0))), string(view.Get(coldKey(0)))
				if hot != cold {
					t.Errorf("a view shows %q and %q of one commit", hot, cold)
				}
				view.Close()
				db.Metrics()
			}
		})
	}
	for n := range 300 {
		batch := db.NewBatch()
		batch.Set(hotKey(0), fmt.Appendf(nil, "%d", n))
		batch.Set(coldKey(0), fmt.Appendf(nil, "%d", n))
		commit(t, batch)
	}
	close(stop)
	readers.Wait()
	if got := db.Metrics().HotRecords; got != 1 {
		t.Errorf("HotRecords = %d, want 1", got)
	}
}

func TestEqualHotValueIsNotWrittenAgain(t *testing.T) {
	db := openMem(t)
	batch := db.NewBatch()
	batch.Set(hotKey(1), []byte("v"))
	commit(t, batch)
	batch = db.NewBatch()
	batch.Set(hotKey(1), []byte("v"))
	batch.Delete(hotKey(2))
	if batch.Len() != 0 {
		t.Errorf("%d changes, want none", batch.Len())
	}
}

func TestEmptyValueIsARecord(t *testing.T) {
	db := openMem(t)
	batch := db.NewBatch()
	for _, key := range [][]byte{hotKey(1), coldKey(1)} {
		batch.Set(key, nil)
		if batch.Get(key) == nil {
			t.Errorf("%x is not there before the commit", key)
		}
	}
	commit(t, batch)
	view, err := db.View()
	if err != nil {
		t.Fatal(err)
	}
	defer view.Close()
	for _, key := range [][]byte{hotKey(1), coldKey(1)} {
		if db.NewBatch().Get(key) == nil || view.Get(key) == nil {
			t.Errorf("%x is not there after the commit", key)
		}
	}
}

func TestNewBatchWhileOneHasChangesPanics(t *testing.T) {
	db := openMem(t)
	db.NewBatch().Set(hotKey(1), nil)
	defer func() {
		if recover() == nil {
			t.Error("the changes of the first batch would be lost silently")
		}
	}()
	db.NewBatch()
}

func TestBuilderMakesTheSameStore(t *testing.T) {
	fs := vfs.NewCrashableMem()
	db := openMem(t)
	batch := db.NewBatch()
	for n := range 2000 {
		batch.Set(coldKey(n), []byte(strings.Repeat("x", n)))
		batch.Set(hotKey(n), []byte("h"))
	}
	commit(t, batch)

	builder, err := NewBuilder("built", Options{FS: fs, MemTableBytes: 256 << 10})
	if err != nil {
		t.Fatal(err)
	}
	view, err := db.View()
	if err != nil {
		t.Fatal(err)
	}
	view.ScanAll(func(key, value []byte) bool {
		err = builder.Add(key, value)
		return err == nil
	})
	if err := errors.Join(err, view.Err(), view.Close(), builder.Finish()); err != nil {
		t.Fatal(err)
	}

	// Only what was synced counts.
	built, err := Open("built", Options{FS: fs.CrashClone(vfs.CrashCloneCfg{})})
	if err != nil {
		t.Fatal(err)
	}
	defer built.Close()
	if diff := cmp.Diff(contents(t, db), contents(t, built)); diff != "" {
		t.Errorf("the built store differs (-want +got):\n%s", diff)
	}
	if got := string(built.NewBatch().Get(hotKey(1999))); got != "h" {
		t.Errorf("hot record = %q after building", got)
	}
	if _, err := NewBuilder("built", Options{FS: fs}); err == nil {
		t.Error("a builder must not write into a store that exists")
	}
}

// Promise S3: a failed write stops the process; nothing is retried.
func TestFailedWriteIsFatal(t *testing.T) {
	broken := errorfs.Toggle{Injector: errorfs.ErrInjected}
	failing := errorfs.Wrap(vfs.NewMem(), errorfs.InjectorFunc(func(op errorfs.Op) error {
		if op.Kind == errorfs.OpFileWrite || op.Kind == errorfs.OpFileSync || op.Kind == errorfs.OpFileSyncData {
			return broken.MaybeError(op)
		}
		return nil
	}))
	reasons := make(chan string, 10)
	db, err := Open("db", Options{FS: failing, Fatal: func(reason string) {
		select {
		case reasons <- reason:
		default:
		}
		runtime.Goexit() // stands for the end of the process
	}})
	if err != nil {
		t.Fatal(err)
	}
	broken.On()
	go func() {
		batch := db.NewBatch()
		batch.Set(hotKey(1), []byte("v"))
		if err := errors.Join(batch.Commit(), db.Sync()); err == nil {
			t.Error("a write to a broken disk succeeded")
		}
	}()
	if reason := <-reasons; reason == "" {
		t.Error("the process stops without a reason")
	}
}

func TestFatalThatReturnsPanics(t *testing.T) {
	var reason string
	opts, _ := Options{Fatal: func(r string) { reason = r }}.pebbleOptions()
	panics := func(f func()) {
		t.Helper()
		defer func() {
			if recover() == nil {
				t.Error("a failure was survived")
			}
		}()
		f()
	}
	panics(func() { opts.Logger.Fatalf("no %s", "space") })
	if reason != "no space" {
		t.Errorf("reason = %q", reason)
	}
	panics(func() { opts.EventListener.BackgroundError(errors.New("flush failed")) })
	panics(func() { opts.EventListener.DataCorruption(pebble.DataCorruptionInfo{}) })
	opts.EventListener.BackgroundError(pebble.ErrCancelledCompaction)
}
