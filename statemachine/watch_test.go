package statemachine

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	dbsm "github.com/lni/dragonboat/v4/statemachine"
	"google.golang.org/protobuf/proto"

	logv1 "github.com/conclavehq/conclave/proto/gen/conclave/log/v1"
	"github.com/conclavehq/conclave/statemachine/feed"
)

// changes is every event of namespace 1, in order.
type changes []*logv1.KVEvent

// of returns the events that a request selects, from a revision on.
func (c changes) of(req feed.WatchRequest, from int64) (events changes) {
	for _, event := range c {
		put := event.GetType() == logv1.KVEvent_TYPE_PUT
		key := string(event.GetKv().GetKey())
		in := key == string(req.Key)
		if len(req.RangeEnd) > 0 {
			in = key >= string(req.Key) && (string(req.RangeEnd) == "\x00" || key < string(req.RangeEnd))
		}
		if in && event.GetKv().GetModRevision() >= from && (!put || !req.NoPut) && (put || !req.NoDelete) {
			events = append(events, event)
		}
	}
	return events
}

// observer checks what a watcher delivers against the history.
type observer struct {
	t       *testing.T
	machine *Machine
	request feed.WatchRequest
	watcher *feed.Watcher
	// from is the first revision that was not delivered yet.
	from int64
}

func observe(t *testing.T, m *Machine, req feed.WatchRequest, from int64) *observer {
	t.Helper()
	req.Namespace, req.StartRevision = 1, from
	w, err := m.Watch(req)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.Close)
	return &observer{t: t, machine: m, request: req, watcher: w, from: from}
}

// check compares a batch with the events that had to come.
func (o *observer) check(batch feed.WatchBatch, want changes) {
	o.t.Helper()
	for i, event := range batch.Events {
		if i >= len(want) || event.GetType() != want[i].GetType() || !proto.Equal(event.GetKv(), want[i].GetKv()) {
			o.t.Fatalf("from revision %d on, event %d is %v, want %v", o.from, i, event, want[min(i, len(want)-1)])
		}
		previous := want[i].GetPrevious()
		if !o.request.PrevKV {
			previous = nil
		}
		if got := event.GetPrevious(); got != nil && !proto.Equal(got, previous) {
			o.t.Fatalf("the version before is %v, want %v", got, previous)
		}
	}
	if n := len(batch.Events); n < len(want) && want[n].GetKv().GetModRevision() <= batch.Revision {
		o.t.Fatalf("the batch goes to revision %d and lacks %v", batch.Revision, want[n])
	}
	last := batch.Events[len(batch.Events)-1].GetKv().GetModRevision()
	if batch.Revision < last {
		o.t.Fatalf("the batch goes to revision %d and has an event of %d", batch.Revision, last)
	}
	o.from = batch.Revision + 1
}

// read takes one batch, if there must be one. compacted is the compacted
// revision. It reports whether the watcher was overtaken by it.
func (o *observer) read(history changes, compacted int64) (overtaken bool) {
	o.t.Helper()
	want := history.of(o.request, o.from)
	if len(want) == 0 {
		o.from = max(o.from, o.watcher.Progress()+1)
		return false
	}
	// What must come is committed already: a watcher that waits missed it.
	ctx, cancel := context.WithTimeout(o.t.Context(), 20*time.Second)
	defer cancel()
	batch, err := o.watcher.Next(ctx)
	if gone := (*feed.CompactedError)(nil); errors.As(err, &gone) {
		if o.from >= compacted || gone.Revision != compacted {
			o.t.Fatalf("at revision %d of a history compacted to %d: %v", o.from, compacted, err)
		}
		o.watcher.Close()
		*o = *observe(o.t, o.machine, o.request, compacted)
		return true
	}
	if err != nil {
		o.t.Fatal(err)
	}
	o.check(batch, want)
	return false
}

// Promise D4, guarantee K7: ordered, unique, gap-free, whole revisions, from any revision
// that is not compacted, for fast and slow watchers, across snapshots.
func TestWatchersMissNothing(t *testing.T) {
	for seed := range uint64(3) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			rng := rand.New(rand.NewPCG(seed, 3))
			g := newGenerator(seed)
			// Small bounds, so that watchers often fall behind and read the
			// history in many parts.
			leader, follower := openWith(t, t.TempDir(), 4096), openWith(t, t.TempDir(), 20)
			follower.historyEvents = 3
			all := leader.Subscribe(feed.KV(1, []byte{0}, []byte{0}))
			var history changes
			var log []dbsm.Entry // what the follower has not applied yet
			compacted, overtaken := int64(-1), 0
			var observers []*observer

			apply := func(e dbsm.Entry) {
				leader.update(e)
				log = append(log, e)
				batch, _, err := all.Poll()
				if err != nil {
					t.Fatal(err)
				}
				for _, event := range batch.Events {
					history = append(history, event.GetKv())
				}
			}
			apply(claim(1, 1, 0))
			apply(batch(2, 1, 0, grantLease(1, 1_000_000)))
			for range 200 {
				var commands []*logv1.Command
				for range 1 + rng.IntN(20) {
					commands = append(commands, g.kvCommand())
				}
				apply(batch(leader.Applied()+1, 1, 0, commands...))
				head := leader.kvRevision()
				if rng.IntN(25) == 0 {
					to := max(1, head-int64(rng.IntN(150)))
					apply(batch(leader.Applied()+1, 1, 0, &logv1.Command{NamespaceId: 1,
						Body: &logv1.Command_Compact{Compact: &logv1.Compact{Revision: to}}}))
				}

				switch rng.IntN(10) {
				case 0: // the follower comes far behind
				case 1:
					follower.recover(leader.snapshot())
					log = nil
				default:
					follower.update(log...)
					log = nil
				}
				if log == nil {
					compacted = follower.compacted()
				}
				if len(observers) < 12 && rng.IntN(4) == 0 {
					from := follower.kvRevision() + 1 - int64(rng.IntN(40))
					key, end := g.span()
					observers = append(observers, observe(t, follower.Machine, feed.WatchRequest{
						Key: key, RangeEnd: end, PrevKV: rng.IntN(2) == 0,
						NoPut: rng.IntN(6) == 0, NoDelete: rng.IntN(6) == 0,
					}, max(1, from, compacted)))
				}
				applied := history.until(follower.kvRevision())
				for i, o := range observers {
					if rng.IntN(1+2*i) == 0 && o.read(applied, compacted) {
						overtaken++
					}
				}
			}
			if overtaken == 0 {
				t.Error("no watcher was ever overtaken by a compaction: the test is too tame")
			}
			for _, o := range observers {
				for applied := history.until(follower.kvRevision()); len(applied.of(o.request, o.from)) > 0; {
					o.read(applied, compacted)
				}
			}
		})
	}
}

// kvCommand makes up a command that changes keys.
func (g *generator) kvCommand() *logv1.Command {
	kind := []string{"put", "put", "put", "delete_range", "txn"}[g.rng.IntN(5)]
	c := &logv1.Command{NamespaceId: 1}
	bodies[kind](g, c)
	if txn := c.GetTxn(); txn != nil {
		txn.Guards = nil
	}
	return c
}

// kvRevision is the revision of namespace 1.
func (r *replica) kvRevision() int64 { return r.status().GetRevision() }

// compacted is the compacted revision of namespace 1.
func (r *replica) compacted() int64 { return r.status().GetCompactedRevision() }

func (r *replica) status() *logv1.GetStatusResult {
	r.t.Helper()
	return r.query(&logv1.Query{NamespaceId: 1, Body: &logv1.Query_GetStatus{GetStatus: &logv1.GetStatus{}}}).GetGetStatus()
}

// until cuts a history off behind a revision.
func (c changes) until(revision int64) changes {
	for i, event := range c {
		if event.GetKv().GetModRevision() > revision {
			return c[:i]
		}
	}
	return c
}

// Watchers beside a writer, under the race detector.
func TestWatchersBesideAWriter(t *testing.T) {
	r := open(t, t.TempDir())
	r.must(put("k0", "first"))
	const last = 1500
	var watchers sync.WaitGroup
	for i := range 6 {
		w, err := r.Watch(feed.WatchRequest{Namespace: 1, Key: []byte("k"), RangeEnd: []byte("l"), StartRevision: int64(i % 2 * 2)})
		if err != nil {
			t.Fatal(err)
		}
		watchers.Add(1)
		go func() {
			defer watchers.Done()
			defer w.Close()
			for next := int64(3 - i%2); next <= last; {
				batch, err := w.Next(t.Context())
				if err != nil {
					t.Errorf("watcher %d: %v", i, err)
					return
				}
				for _, event := range batch.Events {
					if event.GetKv().GetModRevision() != next {
						t.Errorf("watcher %d: revision %d, want %d", i, event.GetKv().GetModRevision(), next)
						return
					}
					next++
				}
			}
		}()
	}
	for revision := 3; revision <= last; {
		var commands []*logv1.Command
		for range min(7, last+1-revision) {
			commands = append(commands, put(fmt.Sprintf("k%d", revision%5), "v"))
			revision++
		}
		r.must(commands...)
	}
	watchers.Wait()
}

func TestWatchStartsWhereItIsTold(t *testing.T) {
	r := open(t, t.TempDir())
	r.must(put("k", "2"), put("k", "3"), put("k", "4"))
	watch := func(from int64) *feed.Watcher {
		t.Helper()
		w, err := r.Watch(feed.WatchRequest{Namespace: 1, Key: []byte("k"), StartRevision: from})
		if err != nil {
			t.Fatal(err)
		}
		return w
	}
	now, past, future := watch(0), watch(3), watch(6)
	if now.Progress() != 4 || past.Progress() != 2 || future.Progress() != 4 {
		t.Errorf("progress %d, %d, %d", now.Progress(), past.Progress(), future.Progress())
	}
	r.must(put("k", "5"), put("k", "6"))
	for name, c := range map[string]struct {
		watcher *feed.Watcher
		want    int
	}{"now": {now, 2}, "past": {past, 4}, "future": {future, 1}} {
		got := 0
		for got < c.want {
			batch, err := c.watcher.Next(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			got += len(batch.Events)
		}
		if got != c.want || c.watcher.Progress() != 6 {
			t.Errorf("%s: %d events, progress %d", name, got, c.watcher.Progress())
		}
	}
	// Changes elsewhere move the bookmark of a watcher that waits.
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	r.must(put("elsewhere", "7"))
	if _, err := now.Next(ctx); !errors.Is(err, context.Canceled) || now.Progress() != 7 {
		t.Errorf("got %v, progress %d", err, now.Progress())
	}
}

// Who watches keys that seldom change gets the history past the changes of
// others in parts, too, so that one goroutine can serve many watchers.
func TestHistoryOfOthersIsReadInParts(t *testing.T) {
	r := open(t, t.TempDir())
	r.historyEvents = 2
	const bound = 2 * historyPassed
	r.must(put("rare", "2"))
	for i := range 50 {
		r.must(put(fmt.Sprintf("k%d", i%3), "v"))
	}
	r.must(put("rare", "53"))
	w, err := r.Watch(feed.WatchRequest{Namespace: 1, Key: []byte("rare"), RangeEnd: []byte("rarf"), StartRevision: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	var told []int64
	parts, seen := 0, int64(0)
	for more := true; more; parts++ {
		var batch feed.WatchBatch
		if batch, more, err = w.Poll(); err != nil {
			t.Fatal(err)
		}
		if batch.Revision-seen > bound+2 {
			t.Errorf("a part goes from %d to %d", seen, batch.Revision)
		}
		seen = batch.Revision
		for _, event := range batch.Events {
			told = append(told, event.GetKv().GetModRevision())
		}
	}
	if len(told) != 2 || told[0] != 2 || told[1] != 53 || seen != 53 || parts < 50/bound {
		t.Errorf("told %v up to %d in %d parts", told, seen, parts)
	}
}
