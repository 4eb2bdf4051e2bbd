package cluster

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/lni/dragonboat/v4"

	logv1 "github.com/conclavehq/conclave/proto/gen/conclave/log/v1"
	"github.com/conclavehq/conclave/statemachine/entry"
)

// fakeLog takes entries and applies them when the test says so.
type fakeLog struct {
	*batcher
	t        *testing.T
	proposed chan entry.Entry
	busy     int // how many proposals are turned away first
}

func newFakeLog(t *testing.T) *fakeLog {
	l := &fakeLog{t: t, proposed: make(chan entry.Entry, 10)}
	l.batcher = newBatcher(l.take, newLogClock(), new(room), nil, &Config{MaxQueuedOps: 3000, MaxQueuedBytes: 4 << 20})
	l.clock.start(1000)
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { l.run(ctx) })
	t.Cleanup(func() {
		cancel()
		running.Wait()
	})
	return l
}

func (l *fakeLog) take(data []byte) (proposal, error) {
	if l.busy > 0 {
		l.busy--
		return nil, dragonboat.ErrSystemBusy
	}
	e, err := entry.Decode(data)
	if err != nil {
		l.t.Error(err)
	}
	l.proposed <- e
	return silent{}, nil
}

// silent is a proposal of which Raft says nothing.
type silent struct{}

func (silent) ResultC() chan dragonboat.RequestResult { return nil }
func (silent) Release()                               {}

// apply answers each command with its key as the result's revision.
func (l *fakeLog) apply(e entry.Entry) {
	results := make([]*logv1.Result, len(e.Commands))
	for i, c := range e.Commands {
		results[i] = &logv1.Result{Revision: int64(c.GetNamespaceId())}
	}
	l.applied(e.Header.GetBatchId(), results)
}

// claim answers with what a later leader's claim gives on this replica.
func (l *fakeLog) claimedBy(epoch uint64) {
	l.applied(0, []*logv1.Result{{Body: &logv1.Result_ClaimEpoch{ClaimEpoch: &logv1.ClaimEpochResult{Epoch: epoch}}}})
}

// numberedCommand is told from others by its namespace.
func numberedCommand(n uint32, size int) []byte {
	return encodeCommand(&logv1.Command{NamespaceId: n, Body: &logv1.Command_Put{
		Put: &logv1.Put{Value: make([]byte, size)},
	}})
}

func (l *fakeLog) must(numbers ...uint32) []place {
	l.t.Helper()
	var places []place
	for _, n := range numbers {
		var err error
		if places, err = l.submit(places, numberedCommand(n, 1)); err != nil {
			l.t.Fatal(err)
		}
	}
	return places
}

func numbersOf(e entry.Entry) []uint32 {
	var numbers []uint32
	for _, c := range e.Commands {
		numbers = append(numbers, c.GetNamespaceId())
	}
	return numbers
}

func (l *fakeLog) wantResult(p place, n uint32) {
	l.t.Helper()
	result, err := l.wait(context.Background(), p)
	if err != nil || result.GetRevision() != int64(n) {
		l.t.Errorf("result %v, %v, want that of command %d", result, err, n)
	}
}

func (l *fakeLog) wantError(p place, want error) {
	l.t.Helper()
	if result, err := l.wait(context.Background(), p); !errors.Is(err, want) {
		l.t.Errorf("result %v, %v, want error %v", result, err, want)
	}
}

// While an entry is in flight the next one fills; each caller gets its own
// result.
func TestBatchWhileInFlight(t *testing.T) {
	l := newFakeLog(t)
	l.open(5)
	l.serve()
	first := l.must(1)
	alone := <-l.proposed
	rest := l.must(2, 3, 4)
	l.apply(alone)
	together := <-l.proposed
	if diff := cmp.Diff([]uint32{2, 3, 4}, numbersOf(together)); diff != "" {
		t.Errorf("second entry (-want +got):\n%s", diff)
	}
	if h := together.Header; h.GetEpoch() != 5 || h.GetClockMs() < 1000 || h.GetWallMs() == 0 {
		t.Errorf("header %v", h)
	}
	l.apply(together)
	l.wantResult(first[0], 1)
	for i, p := range rest {
		l.wantResult(p, uint32(i+2))
	}
}

// A batch ends at its limits, and the queue at its own.
func TestBatchLimits(t *testing.T) {
	l := newFakeLog(t)
	l.open(5)
	for n := range uint32(2500) {
		l.must(n)
	}
	l.serve()
	for _, want := range []int{1000, 1000, 500} {
		e := <-l.proposed
		if len(e.Commands) != want {
			t.Errorf("%d commands in a batch, want %d", len(e.Commands), want)
		}
		l.apply(e)
	}

	l.open(6)
	for n := range uint32(3) {
		if _, err := l.submit(nil, numberedCommand(n, 600<<10)); err != nil {
			t.Fatal(err)
		}
	}
	l.serve()
	for range 3 {
		e := <-l.proposed
		if len(e.Commands) != 1 {
			t.Errorf("%d commands of 600 KiB in a batch", len(e.Commands))
		}
		l.apply(e)
	}

	l.open(7)
	for n := range uint32(3000) {
		l.must(n)
	}
	if _, err := l.submit(nil, numberedCommand(1, 1)); !errors.Is(err, ErrOverloaded) {
		t.Errorf("one more than the queue holds: %v", err)
	}
	if _, err := l.submit(nil, make([]byte, maxCommandBytes+1)); !errors.Is(err, ErrTooLarge) {
		t.Errorf("a command that fits nowhere: %v", err)
	}
	l.shut()
}

// A caller that gives up while its command waits takes it back; one whose
// command is in flight does not know what becomes of it. The others get their
// own results all the same.
func TestGiveUp(t *testing.T) {
	l := newFakeLog(t)
	l.open(5)
	places := l.must(1, 2, 3)
	over, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := l.wait(over, places[1]); !errors.Is(err, ErrUnavailable) {
		t.Errorf("a command that was taken back: %v", err)
	}
	l.serve()
	e := <-l.proposed
	if diff := cmp.Diff([]uint32{1, 3}, numbersOf(e)); diff != "" {
		t.Errorf("entry (-want +got):\n%s", diff)
	}
	if _, err := l.wait(over, places[2]); !errors.Is(err, ErrOutcomeUnknown) {
		t.Errorf("a command in flight: %v", err)
	}
	l.apply(e)
	l.wantResult(places[0], 1)
	l.wantResult(places[2], 3)
}

// When the leader is deposed, what waits was not applied, and what is in flight
// is decided by the log: by its results, or by a later claim without them.
// Promise T2
func TestDeposed(t *testing.T) {
	for _, appliedFirst := range []bool{true, false} {
		t.Run(fmt.Sprint("applied first: ", appliedFirst), func(t *testing.T) {
			l := newFakeLog(t)
			l.open(5)
			l.serve()
			flying := l.must(1)
			e := <-l.proposed
			waiting := l.must(2)
			l.shut()
			l.wantError(waiting[0], errNotApplied)
			if _, err := l.submit(nil, numberedCommand(3, 1)); !errors.Is(err, errNotApplied) {
				t.Errorf("submit without leading: %v", err)
			}
			l.claimedBy(5)
			if appliedFirst {
				l.apply(e)
				l.claimedBy(6)
				l.wantResult(flying[0], 1)
				return
			}
			l.claimedBy(6)
			l.wantError(flying[0], errNotApplied)

			// Nothing of the old epoch stands in the way of the next one.
			l.open(7)
			l.serve()
			again := l.must(4)
			l.apply(<-l.proposed)
			l.wantResult(again[0], 4)
		})
	}
}

// A batch that the state machine refused for its epoch was not applied.
func TestStaleEpoch(t *testing.T) {
	l := newFakeLog(t)
	l.open(5)
	l.serve()
	places := l.must(1)
	e := <-l.proposed
	l.applied(e.Header.GetBatchId(), []*logv1.Result{{Refusal: &logv1.Refusal{Reason: logv1.Reason_REASON_STALE_EPOCH}}})
	l.wantError(places[0], errNotApplied)
}

// A snapshot that jumps over the log, and a stop, leave the outcome open.
func TestAbandoned(t *testing.T) {
	l := newFakeLog(t)
	l.open(5)
	l.serve()
	places := l.must(1)
	<-l.proposed
	l.abandon()
	l.wantError(places[0], ErrOutcomeUnknown)

	places = l.must(2)
	<-l.proposed
	l.stop()
	l.wantError(places[0], ErrOutcomeUnknown)
	if _, err := l.submit(nil, numberedCommand(3, 1)); !errors.Is(err, ErrStopped) {
		t.Errorf("submit after the stop: %v", err)
	}
}

// While Raft is busy a batch is proposed again.
func TestBusy(t *testing.T) {
	l := newFakeLog(t)
	l.busy = 3
	l.open(5)
	l.serve()
	places := l.must(1)
	l.apply(<-l.proposed)
	l.wantResult(places[0], 1)
}
