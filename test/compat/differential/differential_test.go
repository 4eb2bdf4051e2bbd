package differential

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// A longer run by hand:
//
//	go test ./differential -run TestConclave -timeout 2h -args -seeds 100-400 -operations 20000
//
// One seed again:
//
//	go test ./differential -run TestConclave -v -args -seeds 17
var (
	seedsFlag      = flag.String("seeds", "1-18", "seeds of the scripts: numbers and ranges, with commas between them")
	operationsFlag = flag.Int("operations", 5500, "operations of each script")
	pairsFlag      = flag.Int("pairs", 6, "pairs of servers that run side by side")
	shrinkFlag     = flag.Duration("shrink", 3*time.Minute, "how long to look for the shortest script that still differs")
)

// TestConclave is the differential test.
func TestConclave(t *testing.T) {
	compareSystems(t, etcdSystem, conclaveSystem)
}

// TestEtcd shows that the test finds no difference where there is none.
func TestEtcd(t *testing.T) {
	if testing.Short() {
		t.Skip("proves nothing about Conclave")
	}
	p := newPair(t, etcdSystem, etcdSystem)
	r, err := play(t.Context(), p, generate(1, *operationsFlag/2))
	if err != nil {
		t.Fatal(err)
	}
	if r.found != nil {
		t.Fatal(r)
	}
}

// compareSystems runs all seeds, several side by side, and stops at the first in
// which the systems differ.
func compareSystems(t *testing.T, first, second system) {
	seeds, err := parseSeeds(*seedsFlag)
	if err != nil {
		t.Fatal(err)
	}
	var next, total, wanted atomic.Int64
	var failed sync.Once
	var stop atomic.Bool
	var running sync.WaitGroup
	for range min(*pairsFlag, len(seeds)) {
		running.Go(func() {
			for i := int(next.Add(1)) - 1; i < len(seeds) && !stop.Load(); i = int(next.Add(1)) - 1 {
				s := generate(seeds[i], *operationsFlag)
				r := playSeed(t, first, second, s)
				if r == nil {
					stop.Store(true)
					return
				}
				total.Add(int64(r.done))
				wanted.Add(int64(r.wanted))
				if r.found != nil {
					stop.Store(true)
					failed.Do(func() { reportSeed(t, first, second, seeds[i], s, r) })
				}
			}
		})
	}
	running.Wait()
	t.Logf("%d operations of %d seeds, %d of them refused on purpose", total.Load(), len(seeds), wanted.Load())
}

// playSeed runs a script on servers of its own, at revision 1, once more if the
// machine stood still.
func playSeed(t *testing.T, first, second system, s script) *run {
	r, err := playOnce(t.Context(), first, second, s)
	if errors.Is(err, errStalled) {
		t.Log(err)
		r, err = playOnce(t.Context(), first, second, s)
	}
	if err != nil {
		t.Error(err)
		return nil
	}
	return r
}

func playOnce(ctx context.Context, first, second system, s script) (*run, error) {
	p, err := startPair(ctx, first, second)
	if err != nil {
		return nil, err
	}
	r, err := play(ctx, p, s)
	return r, errors.Join(err, p.close())
}

// reportSeed fails the test with the shortest script that still differs.
func reportSeed(t *testing.T, first, second system, seed uint64, s script, r *run) {
	t.Errorf("seed %d: after %d operations, the last of which was %s, %s:\n  %s: %s\n  %s: %s", seed, r.done,
		s.operations[r.done-1], r.found.what, first.name, r.found.answers[0], second.name, r.found.answers[1])
	limit := *shrinkFlag
	if deadline, ok := t.Deadline(); ok {
		limit = min(limit, time.Until(deadline)/2)
	}
	first.patience, second.patience = hastyPatience, hastyPatience
	from := &servers{kinds: [2]system{first, second}, used: true}
	defer from.drop()
	k := shrink(t.Context(), from, s, r, limit)
	if len(k.best.operations) > 200 {
		t.Errorf("no short script was found in %s and %d tries", limit, k.tries)
		return
	}
	once := ""
	if !k.again {
		once = "; run again on fresh servers they did not differ"
	}
	t.Errorf("the shortest script in which they differ, of %d tries (· is the test's own)%s:\n%s", k.tries, once, k.run)
}

// parseSeeds reads "1-3,7".
func parseSeeds(text string) ([]uint64, error) {
	var seeds []uint64
	for part := range strings.SplitSeq(text, ",") {
		from, to, isRange := strings.Cut(part, "-")
		if !isRange {
			to = from
		}
		first, err := strconv.ParseUint(from, 10, 32)
		if err != nil {
			return nil, fmt.Errorf("-seeds: %w", err)
		}
		last, err := strconv.ParseUint(to, 10, 32)
		if err != nil {
			return nil, fmt.Errorf("-seeds: %w", err)
		}
		for seed := first; seed <= last; seed++ {
			seeds = append(seeds, seed)
		}
	}
	return seeds, nil
}
