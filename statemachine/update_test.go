package statemachine

import (
	"errors"
	"strings"
	"testing"
	"time"

	dbsm "github.com/lni/dragonboat/v4/statemachine"
	"google.golang.org/protobuf/encoding/protowire"

	logv1 "github.com/conclavehq/conclave/proto/gen/conclave/log/v1"
	"github.com/conclavehq/conclave/statemachine/feed"
)

// Promise S1: what was applied is there after a restart, with how far it goes.
func TestStateSurvivesARestart(t *testing.T) {
	r := open(t, t.TempDir())
	r.doAt(1000, put("a", "1"), put("b", "2"))
	r.must(grantLease(5, 10_000))
	applied, epoch, clock := r.Applied(), r.Epoch(), r.Clock()
	due, ok := r.NextDue()
	if !ok || due != 11_000 {
		t.Fatalf("next due is %d, %v", due, ok)
	}

	r = r.reopen()
	if r.Applied() != applied || r.Epoch() != epoch || r.Clock() != clock {
		t.Errorf("after restart: index %d, epoch %d, clock %d; before: %d, %d, %d",
			r.Applied(), r.Epoch(), r.Clock(), applied, epoch, clock)
	}
	if r.get("a") != "1" || r.get("b") != "2" {
		t.Error("keys are lost")
	}
	if again, ok := r.NextDue(); !ok || again != due {
		t.Errorf("next due is %d, %v after restart", again, ok)
	}
	same(t, "namespaces due", []uint32{1}, r.DueNamespaces(due))
	if r.must(put("c", "3"))[0].GetRevision() != 4 {
		t.Error("the revision did not go on")
	}
}

// Promise T2: only the leader that claimed the shard last may change anything.
func TestRegressionEtcd15247OtherEpochsAreRefusedWhole(t *testing.T) {
	r := open(t, t.TempDir())
	r.update(batch(1, 3, 500, put("a", "unclaimed")))
	if reason(r.results[1][0]) != logv1.Reason_REASON_STALE_EPOCH || r.Clock() != 0 {
		t.Errorf("unclaimed epoch: %v, clock %d", r.results[1], r.Clock())
	}
	r.update(claim(2, 3, 1000), batch(3, 3, 1500, put("a", "three")))
	r.update(claim(4, 5, 1200))
	if got := r.results[4][0].GetClaimEpoch(); got.GetEpoch() != 5 || got.GetClockMs() != 1500 {
		t.Errorf("claim of epoch 5 gave %v; the clock must not go back", got)
	}

	before := r.dump()
	r.update(batch(5, 3, 9000, put("a", "deposed"), put("b", "deposed")), claim(6, 3, 9000))
	for _, result := range append(r.results[5], r.results[6]...) {
		if reason(result) != logv1.Reason_REASON_STALE_EPOCH {
			t.Errorf("a deposed leader got %v", result)
		}
	}
	if r.get("a") != "three" || r.get("b") != "" || r.Clock() != 1500 || r.Epoch() != 5 {
		t.Error("a deposed leader changed something")
	}
	// Only the shard record, which has the applied index, is another.
	after := r.dump()
	same(t, "records but the first", before[1:], after[1:])
}

func TestOnlyRegisterNodeNeedsNoEpoch(t *testing.T) {
	r := open(t, t.TempDir())
	register := &logv1.Command{Body: &logv1.Command_RegisterNode{RegisterNode: &logv1.RegisterNode{
		Node: &logv1.Node{Name: "n1", Incarnation: 7},
	}}}
	r.update(batch(1, 0, 99, register))
	if r.results[1][0].GetRefusal() != nil || r.Clock() != 0 {
		t.Errorf("got %v, clock %d", r.results[1][0], r.Clock())
	}
	r.update(batch(2, 0, 0, register, put("a", "1")))
	for _, result := range r.results[2] {
		if reason(result) != logv1.Reason_REASON_STALE_EPOCH {
			t.Errorf("got %v", result)
		}
	}
}

// A refused command leaves no trace, also when its rule had begun to write.
func TestRefusedCommandsLeaveNoTrace(t *testing.T) {
	r := open(t, t.TempDir())
	r.must(grantLease(5, 60_000), grantLease(6, 60_000), put("a", "1"), acquire("m", 5, 0))
	sub := r.Subscribe(feed.KV(1, []byte("a"), []byte{0}))
	before := r.dump()
	txn := &logv1.Command{NamespaceId: 1, Body: &logv1.Command_Txn{Txn: &logv1.Txn{Success: []*logv1.TxnOp{
		{Op: &logv1.TxnOp_Put{Put: &logv1.Put{Key: []byte("b"), Value: []byte("x")}}},
		{Op: &logv1.TxnOp_DeleteRange{DeleteRange: &logv1.DeleteRange{Key: []byte("a")}}},
		{Op: &logv1.TxnOp_Put{Put: &logv1.Put{Key: []byte("c"), LeaseId: 404}}},
	}}}}
	for _, result := range r.do(acquire("m", 6, 0), txn, grantLease(5, 1000), acquire("n", 404, 0)) {
		if result.GetRefusal() == nil || result.GetBody() != nil || result.GetRevision() != 3 {
			t.Errorf("not a plain refusal: %v", result)
		}
	}
	same(t, "records but the first", before[1:], r.dump()[1:])
	if batch, ok, err := sub.Poll(); ok || err != nil {
		t.Errorf("events of refused commands: %v, %v", batch.Events, err)
	}
}

// Promise D5: a retry gets the first answer and has no effect.
func TestRetriesGetTheFirstAnswer(t *testing.T) {
	r := open(t, t.TempDir())
	r.must(grantLease(5, 60_000), grantLease(6, 60_000))
	id := func(sequence, below uint64, command *logv1.Command) *logv1.Command {
		command.RequestId = &logv1.RequestId{Client: "c", Sequence: sequence, DoneBelow: below}
		return command
	}
	first := r.do(id(1, 1, put("a", "1")), id(2, 1, acquire("m", 5, 0)), id(3, 1, acquire("m", 6, 0)))
	r = r.reopen()
	again := r.do(id(1, 1, put("a", "1")), id(2, 1, acquire("m", 5, 0)), id(3, 1, acquire("m", 6, 0)))
	for i := range first {
		if !again[i].GetReplayed() {
			t.Errorf("answer %d is not marked as replayed", i)
		}
		again[i].Replayed = false
	}
	same(t, "answers to retries", first, again)
	if answer := r.query(&logv1.Query{NamespaceId: 1, Body: &logv1.Query_Range{Range: &logv1.Range{Key: []byte("a")}}}); answer.GetRange().GetKvs()[0].GetVersion() != 1 {
		t.Error("the retry wrote again")
	}
	r.do(id(4, 4, put("a", "2")))
	if got := r.do(id(2, 2, put("a", "3")))[0]; reason(got) != logv1.Reason_REASON_STALE_REQUEST {
		t.Errorf("a sequence below done_below got %v", got)
	}
}

func TestDropNamespace(t *testing.T) {
	r := open(t, t.TempDir())
	r.must(grantLease(5, 1000), put("a", "1"), put("a", "2"), acquire("m", 5, 0))
	r.must(&logv1.Command{NamespaceId: 3, Body: put("other", "kept").Body})
	w, err := r.Watch(feed.WatchRequest{Namespace: 1, Key: []byte("a")})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()

	r.must(dropNamespace(1), dropNamespace(1))
	check := func() {
		t.Helper()
		if got := r.do(put("a", "late"))[0]; reason(got) != logv1.Reason_REASON_NAMESPACE_NOT_FOUND {
			t.Errorf("a command got %v", got)
		}
		answer := r.query(&logv1.Query{NamespaceId: 1, Body: &logv1.Query_GetStatus{GetStatus: &logv1.GetStatus{}}})
		if answer.GetRefusal().GetReason() != logv1.Reason_REASON_NAMESPACE_NOT_FOUND {
			t.Errorf("a query got %v", answer)
		}
		for _, record := range r.dump() {
			if strings.HasPrefix(record, "00000001") {
				t.Errorf("left behind: %s", record)
			}
		}
		if due, ok := r.NextDue(); ok {
			t.Errorf("a timer is due at %d", due)
		}
	}
	check()
	if _, err := w.Next(t.Context()); !errors.Is(err, feed.ErrNamespaceDropped) {
		t.Errorf("the watcher got %v", err)
	}
	r = r.reopen()
	check()
	answer := r.query(&logv1.Query{NamespaceId: 3, Body: &logv1.Query_Range{Range: &logv1.Range{Key: []byte("other")}}})
	if answer.GetRange().GetCount() != 1 {
		t.Error("another namespace lost a key")
	}
	if got := r.do(dropNamespace(0))[0]; reason(got) != logv1.Reason_REASON_INVALID_ARGUMENT {
		t.Errorf("dropping the shard's own namespace gave %v", got)
	}
}

// Timers of several namespaces: the first one counts, and it moves.
func TestNextDue(t *testing.T) {
	r := open(t, t.TempDir())
	in := func(ns uint32, c *logv1.Command) *logv1.Command { c.NamespaceId = ns; return c }
	r.must(in(1, grantLease(1, 5000)), in(2, grantLease(1, 3000)), in(3, grantLease(1, 9000)))
	<-r.DueMoved()
	if due, ok := r.NextDue(); !ok || due != 3000 {
		t.Errorf("next due %d, %v", due, ok)
	}
	same(t, "due at 5000", []uint32{2, 1}, r.DueNamespaces(5000))

	r.doAt(3000, in(2, expire()))
	if due, ok := r.NextDue(); !ok || due != 5000 {
		t.Errorf("next due %d, %v after the first expired", due, ok)
	}
	select {
	case <-r.DueMoved():
	case <-time.After(10 * time.Second):
		t.Fatal("nobody was told that the next due time moved")
	}
	r.must(put("a", "1"))
	select {
	case <-r.DueMoved():
		t.Error("told of a move that was none")
	default:
	}
}

// Promise S4: what a replica does not know stops it.
func TestUnknownEntriesStopTheReplica(t *testing.T) {
	cases := map[string]struct {
		entry dbsm.Entry
		want  string
	}{
		"future format":   {dbsm.Entry{Index: 9, Cmd: []byte{7}}, "unknown log entry format 7, this program knows 1"},
		"garbage":         {dbsm.Entry{Index: 9, Cmd: []byte{1, 200}}, "malformed log entry"},
		"unknown field":   {batch(9, 1, 0, withUnknownField(put("a", "1"))), "fields that are unknown"},
		"unknown command": {batch(9, 1, 0, &logv1.Command{NamespaceId: 1}), "must be upgraded"},
		"an index again":  {batch(1, 1, 0), "comes again"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			r := open(t, t.TempDir())
			r.update(claim(1, 1, 0))
			defer func() {
				if got, _ := recover().(string); !strings.Contains(got, c.want) {
					t.Errorf("panics with %q, want %q in it", got, c.want)
				}
			}()
			_, _ = r.Update([]dbsm.Entry{c.entry})
		})
	}
}

// withUnknownField adds a field that a newer program may have.
func withUnknownField(command *logv1.Command) *logv1.Command {
	command.GetPut().ProtoReflect().SetUnknown(protowire.AppendVarint(protowire.AppendTag(nil, 999, protowire.VarintType), 1))
	return command
}

func TestWaitApplied(t *testing.T) {
	r := open(t, t.TempDir())
	waits := make(chan error)
	go func() { waits <- r.WaitApplied(t.Context(), 2) }()
	go func() { waits <- r.WaitApplied(t.Context(), 50) }()
	r.update(claim(1, 1, 0))
	r.update(batch(2, 1, 0, put("a", "1")))
	if err := <-waits; err != nil {
		t.Errorf("waiting for index 2: %v", err)
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-waits; !errors.Is(err, ErrClosed) {
		t.Errorf("waiting for an index that never came: %v", err)
	}
	if err := r.WaitApplied(t.Context(), 2); err != nil {
		t.Errorf("index 2 was applied: %v", err)
	}
}

// A hash is of the state right after its entry, whatever comes in the same
// Update.
func TestHashIsOfItsEntry(t *testing.T) {
	hash := &logv1.Command{Body: &logv1.Command_ComputeHash{ComputeHash: &logv1.ComputeHash{}}}
	a, b := open(t, t.TempDir()), open(t, t.TempDir())
	log := []dbsm.Entry{claim(1, 1, 0), batch(2, 1, 5, put("a", "1")), batch(3, 1, 6, hash), batch(4, 1, 7, put("a", "2"))}
	a.update(log...)
	for _, e := range log {
		b.update(e)
	}
	a.hashes.running.Wait()
	b.hashes.running.Wait()
	first, ok := a.Hash(3)
	second, _ := b.Hash(3)
	if !ok || first != second {
		t.Errorf("hashes %q and %q", first, second)
	}
	if later := a.hashAt(5); later == first {
		t.Error("another state has the same hash")
	}
	for i := uint64(6); i < 20; i++ {
		a.hashAt(i)
	}
	if _, ok := a.Hash(11); ok {
		t.Error("more than eight hashes are kept")
	}
	if _, ok := a.Hash(12); !ok {
		t.Error("fewer than eight hashes are kept")
	}
}
