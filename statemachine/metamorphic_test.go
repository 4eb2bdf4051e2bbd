package statemachine

import (
	"cmp"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"

	dbsm "github.com/lni/dragonboat/v4/statemachine"

	logv1 "github.com/conclavehq/conclave/proto/gen/conclave/log/v1"
)

var seeds = flag.Uint64("seeds", 3, "how many random logs to apply")

// The same log gives the same results and the same state, however its entries
// are grouped into updates, and whatever happens to the replica in between
// (promises S1, T1, D5).
func TestRegressionEtcd14571SameLogSameState(t *testing.T) {
	entries := 400
	if testing.Short() {
		entries = 120
	}
	for seed := range *seeds {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			reference := open(t, t.TempDir())
			log := newGenerator(seed).log(reference, entries)
			report(t, reference.results)
			end := log[len(log)-1].Index + 1
			want := reference.hashAt(end)

			for name, disturb := range map[string]func(*rand.Rand, *replica) *replica{
				"large updates": func(_ *rand.Rand, r *replica) *replica { return r },
				"restarts":      func(_ *rand.Rand, r *replica) *replica { return r.reopen() },
				"snapshots":     transfer,
				"crashes":       crash,
			} {
				t.Run(name, func(t *testing.T) {
					rng := rand.New(rand.NewPCG(seed, 2))
					r := open(t, t.TempDir())
					r = replay(rng, r, log, func(r *replica) *replica { return disturb(rng, r) })
					if got := r.hashAt(end); got != want {
						t.Errorf("hash %s, want %s", got, want)
					}
					maps.DeleteFunc(r.results, func(id uint64, _ []*logv1.Result) bool { return id == end })
					r.results[end] = reference.results[end]
					same(t, "results", reference.results, r.results)
				})
			}
		})
	}
}

// replay applies a log in updates of random sizes; disturb is called now and
// then and may hand over to another replica, which may be behind.
func replay(rng *rand.Rand, r *replica, log []dbsm.Entry, disturb func(*replica) *replica) *replica {
	for end := log[len(log)-1].Index; r.Applied() < end; {
		from, _ := slices.BinarySearchFunc(log, r.Applied()+1, func(e dbsm.Entry, index uint64) int {
			return cmp.Compare(e.Index, index)
		})
		r.update(log[from:min(from+1+rng.IntN(40), len(log))]...)
		if rng.IntN(3) == 0 {
			r = disturb(r)
		}
	}
	return r
}

// transfer hands over to a replica elsewhere that recovers from a snapshot.
func transfer(rng *rand.Rand, r *replica) *replica {
	to := open(r.t, r.t.(*testing.T).TempDir())
	if rng.IntN(2) == 0 {
		to.must(put("mine", "goes away"), grantLease(1, 1000), acquire("m1", 1, 0))
	}
	to.recover(r.snapshot())
	to.results = r.results
	to.config.Results = func(id uint64, results []*logv1.Result) { to.results[id] = results }
	return to
}

// crash goes on with what is on the disk at this moment, which may be behind.
func crash(rng *rand.Rand, r *replica) *replica {
	if rng.IntN(2) == 0 {
		if err := r.Sync(); err != nil {
			r.t.Fatal(err)
		}
	}
	to := open(r.t, copied(r.t.(*testing.T), r))
	to.results = r.results
	to.config.Results = func(id uint64, results []*logv1.Result) { to.results[id] = results }
	return to
}

// copied is a copy of a replica's directory while it is in use. Pebble writes,
// syncs and deletes files in the background, in an order that the copy does not
// follow: a crash could have left only what stayed the same all the while.
func copied(t *testing.T, r *replica) string {
	t.Helper()
	for {
		dir := t.TempDir()
		before, err1 := files(r.config.Dir)
		err2 := os.CopyFS(dir, os.DirFS(r.config.Dir))
		after, err3 := files(r.config.Dir)
		switch err := errors.Join(err1, err2, err3); {
		case errors.Is(err, fs.ErrNotExist): // deleted meanwhile
		case err != nil:
			t.Fatal(err)
		case maps.Equal(before, after):
			return dir
		}
	}
}

// files says of each file in a directory how long it is and when it was changed.
// A log may grow: any beginning of it is what a crash leaves.
func files(dir string) (map[string]string, error) {
	seen := map[string]string{}
	return seen, filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		if seen[path] = ""; filepath.Ext(path) != ".log" {
			seen[path] = fmt.Sprint(info.Size(), info.ModTime().UnixNano())
		}
		return nil
	})
}

// report fails the test if the log is too dull: most kinds of commands must
// have succeeded somewhere in it.
func report(t *testing.T, results map[uint64][]*logv1.Result) {
	t.Helper()
	refusals, kinds := map[logv1.Reason]int{}, map[string]int{}
	for _, batch := range results {
		for _, result := range batch {
			refusals[reason(result)]++
			kinds[fmt.Sprintf("%T", result.GetBody())]++
		}
	}
	t.Logf("refusals %v, bodies %v", refusals, kinds)
	if !testing.Short() && len(kinds) < 25 {
		t.Errorf("only %d kinds of results in the log", len(kinds))
	}
}
