package statemachine

import (
	"bytes"
	"context"
	"fmt"
	"strconv"
	"testing"
	"time"

	dbsm "github.com/lni/dragonboat/v4/statemachine"

	logv1 "github.com/conclavehq/conclave/proto/gen/conclave/log/v1"
	"github.com/conclavehq/conclave/statemachine/feed"
)

// The tests named TestRegression… are those of docs/regressions.md.

func deleteKey(key, end string) *logv1.Command {
	return &logv1.Command{NamespaceId: 1, Body: &logv1.Command_DeleteRange{DeleteRange: &logv1.DeleteRange{
		Key: []byte(key), RangeEnd: []byte(end),
	}}}
}

func watchAll(t *testing.T, r *replica, from int64) *feed.Watcher {
	t.Helper()
	w, err := r.Watch(feed.WatchRequest{Namespace: 1, Key: []byte{0}, RangeEnd: []byte{0}, StartRevision: from, PrevKV: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.Close)
	return w
}

// told takes so many events and writes each as "revision key", deletes with a minus.
func told(t *testing.T, w *feed.Watcher, n int) (events []string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	for len(events) < n {
		batch, err := w.Next(ctx)
		if err != nil {
			t.Fatalf("after %v: %v", events, err)
		}
		for _, event := range batch.Events {
			sign := ""
			if event.GetType() == logv1.KVEvent_TYPE_DELETE {
				sign = "-"
			}
			events = append(events, fmt.Sprintf("%d %s%s", event.GetKv().GetModRevision(), sign, event.GetKv().GetKey()))
		}
	}
	return events
}

// crashes kills a replica now and then while it applies what more makes, and holds
// that each copy of its disk, with the rest of the log applied again, becomes the
// state of one that never stopped.
func crashes(t *testing.T, more func(i int, r *replica) []*logv1.Command) {
	t.Helper()
	r := open(t, t.TempDir())
	first := claim(1, 1, 0)
	r.update(first)
	log := []dbsm.Entry{first}
	for i := range 240 {
		next := batch(r.Applied()+1, 1, 0, more(i, r)...)
		r.update(next)
		log = append(log, next)
		if i == 20 {
			if err := r.Sync(); err != nil {
				t.Fatal(err)
			}
		}
		if i%64 != 50 {
			continue
		}
		killed := open(t, copied(t, r))
		if from := killed.Applied(); from < uint64(len(log)) {
			killed.update(log[from:]...)
		}
		same(t, "state after a crash", r.dump(), killed.dump())
		if killed.kvRevision() != r.kvRevision() {
			t.Fatalf("revision %d after a crash, want %d", killed.kvRevision(), r.kvRevision())
		}
		if err := killed.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// etcd #13766: the index up to which entries are applied was stored apart from what
// they changed, so a crash under load left revisions that differed between members.
// Here both are in one batch; a disk that has one without the other would come back
// with a revision too many, as mutant_02 does.
func TestRegressionEtcd13766AppliedIndexIsPartOfTheState(t *testing.T) {
	crashes(t, func(i int, _ *replica) []*logv1.Command {
		return []*logv1.Command{put("k", strconv.Itoa(i)), put("other", "v")}
	})
}

// etcd #17780: a crash in the middle of a compaction brought a member back with an
// older revision, because the newest one was read from keys that were gone. Here the
// revision is a record of its own, and a compaction is one command like any other.
func TestRegressionEtcd17780RevisionAfterACrashInCompaction(t *testing.T) {
	crashes(t, func(i int, r *replica) []*logv1.Command {
		if i%3 == 2 && r.kvRevision() > r.compacted() {
			return []*logv1.Command{deleteKey("k", ""), compact(r.kvRevision())}
		}
		return []*logv1.Command{put("k", strconv.Itoa(i))}
	})
}

// etcd #15271: a watch on a member that was cut off, and then caught up by a snapshot,
// was told old events again. Here the feed tells each watcher that the state was
// replaced, and it goes on from disk after what it has delivered.
func TestRegressionEtcd15271WatchOverASnapshot(t *testing.T) {
	leader, follower := open(t, t.TempDir()), open(t, t.TempDir())
	for _, r := range []*replica{leader, follower} {
		r.must(put("a", "1"))
	}
	w := watchAll(t, follower, follower.kvRevision())
	want := []string{"2 a"}
	same(t, "before", want, told(t, w, 1))
	for range 5 { // the follower is cut off
		leader.must(put("b", "1"))
	}
	follower.recover(leader.snapshot())
	for _, r := range []*replica{leader, follower} {
		r.must(put("c", "1"))
	}
	same(t, "over the snapshot", []string{"3 b", "4 b", "5 b", "6 b", "7 b", "8 c"}, told(t, w, 6))
}

// etcd #17247: a transaction was applied in part before it was refused, and the event
// of that part came twice. Here a refused transaction leaves no event, revision or
// number behind, and what comes after it is told once, live and from disk.
func TestRegressionEtcd17247EventsOfARefusedTransaction(t *testing.T) {
	r := open(t, t.TempDir())
	r.must(put("a", "1"))
	live := watchAll(t, r, 3)
	txn := &logv1.Command{NamespaceId: 1, Body: &logv1.Command_Txn{Txn: &logv1.Txn{Success: []*logv1.TxnOp{
		{Op: &logv1.TxnOp_Put{Put: &logv1.Put{Key: []byte("a"), Value: []byte("2")}}},
		// Nobody has claimed the job, which shows only when the operation runs.
		{Op: &logv1.TxnOp_AckJob{AckJob: &logv1.AckJob{Queue: "q", JobId: 1, Receipt: 1}}},
	}}}}
	for range 3 {
		if results := r.do(txn, put("b", "1")); reason(results[0]) != logv1.Reason_REASON_JOB_NOT_FOUND {
			t.Fatalf("the transaction: %v", results[0])
		}
	}
	want := []string{"3 b", "4 b", "5 b"}
	same(t, "live", want, told(t, live, 3))
	same(t, "from disk", want, told(t, watchAll(t, r, 3), 3))
}

// etcd #18055: two snapshots in a short time made a member panic, since the second
// found what the first had not released. Here each has a view of its own: they may be
// saved in any order, or not at all, and be recovered one right after the other.
func TestRegressionEtcd18055TwoSnapshotsInAShortTime(t *testing.T) {
	from, to := filled(t), open(t, t.TempDir())
	var tokens []any
	for i := range 3 {
		token, err := from.PrepareSnapshot()
		if err != nil {
			t.Fatal(err)
		}
		tokens = append(tokens, token)
		from.must(put("a", strconv.Itoa(i)))
	}
	var second, first bytes.Buffer
	for i, out := range map[int]*bytes.Buffer{1: &second, 0: &first} {
		if err := from.SaveSnapshot(tokens[i], out, make(chan struct{})); err != nil {
			t.Fatal(err)
		}
	}
	to.recover(first.Bytes())
	to.recover(second.Bytes())
	if got := to.get("a"); got != "0" {
		t.Errorf("a is %q, want what was written between the two", got)
	}
	if err := to.Sync(); err != nil {
		t.Fatal(err)
	}
	to.must(put("a", "later"))
}

// etcd #18667: whether a read inside of a transaction was refused as compacted
// depended on how far a member's compaction had come, and members differed from then
// on. Here a compaction is decided in apply. A replica that got it in a snapshot
// refuses the same transaction as one that applied it.
func TestRegressionEtcd18667CompactedReadInATransaction(t *testing.T) {
	a, b := open(t, t.TempDir()), open(t, t.TempDir())
	a.must(put("k", "1"))
	a.must(put("k", "2"), compact(3))
	b.recover(a.snapshot())
	txn := &logv1.Command{NamespaceId: 1, Body: &logv1.Command_Txn{Txn: &logv1.Txn{Success: []*logv1.TxnOp{
		{Op: &logv1.TxnOp_Put{Put: &logv1.Put{Key: []byte("k"), Value: []byte("3")}}},
		{Op: &logv1.TxnOp_Range{Range: &logv1.Range{Key: []byte("k"), Revision: 2}}},
	}}}}
	results := a.do(txn, put("after", "1"))
	same(t, "results", results, b.do(txn, put("after", "1")))
	if reason(results[0]) != logv1.Reason_REASON_COMPACTED || a.get("k") != "2" {
		t.Errorf("the transaction: %v, and the key is %q", results[0], a.get("k"))
	}
	same(t, "records", a.dump(), b.dump())
}

// etcd #18089: the event of a delete was dropped when the history was compacted at
// that very revision. A watch may begin at the compacted revision, so it is kept here.
func TestRegressionEtcd18089DeleteAtTheCompactedRevision(t *testing.T) {
	r := open(t, t.TempDir())
	r.must(put("k", "1"))
	r.must(deleteKey("k", ""))
	r.must(put("l", "1"))
	r.must(compact(3))
	same(t, "events", []string{"3 -k", "4 l"}, told(t, watchAll(t, r, 3), 2))
}

// etcd #19179: a watch that was opened at the compaction revision missed the delete
// there when the key had been written again and was compacted later. All that a
// revision did is told from it on, a range of keys included.
func TestRegressionEtcd19179WatchFromTheCompactedRevision(t *testing.T) {
	r := open(t, t.TempDir())
	r.must(put("k1", "1"))
	r.must(put("k2", "1"))
	r.must(deleteKey("k", "l")) // revision 4
	r.must(put("k1", "2"))
	r.must(compact(2))
	r.must(compact(4))
	w := watchAll(t, r, 4)
	same(t, "events", []string{"4 -k1", "4 -k2", "5 k1"}, told(t, w, 3))
}

// etcd #20221, the first: a watch from a revision that is not there yet was told the
// events before it. The second: its progress was told as if it had seen them. Here it
// has neither events nor progress before its start, also when it is caught up from
// disk meanwhile.
func TestRegressionEtcd20221WatchFromTheFuture(t *testing.T) {
	r := openWith(t, t.TempDir(), 2)
	r.must(put("k", "1")) // revision 2
	w := watchAll(t, r, 6)
	for i := range 3 {
		r.must(put("k", strconv.Itoa(i)), put("l", strconv.Itoa(i))) // up to 8, beyond the buffer
		if progress := w.Progress(); progress > r.kvRevision() {
			t.Fatalf("progress %d at revision %d", progress, r.kvRevision())
		}
	}
	same(t, "events", []string{"6 l", "7 k", "8 l"}, told(t, w, 3))
	future := watchAll(t, r, 100)
	r.must(put("k", "9"))
	if batch, _, err := future.Poll(); err != nil || len(batch.Events) > 0 || future.Progress() >= 100 {
		t.Errorf("a watch from 100 has %v, progress %d: %v", batch.Events, future.Progress(), err)
	}
}

// Dragonboat #369, #156 and #410: a state machine that comes back with an older index
// than the snapshot recorded is skipped over in silence, or never starts again. What
// keeps it from happening is that Sync makes durable all that was applied, every time,
// and that Open returns exactly that. TestRegressionDragonboatSyncIsDurable of the store is the same
// over a power cut.
func TestRegressionDragonboatOpenIsNotBehindSync(t *testing.T) {
	r := open(t, t.TempDir())
	for i := range 20 {
		r.must(put("k", strconv.Itoa(i)))
		if err := r.Sync(); err != nil {
			t.Fatal(err)
		}
		killed := New(Config{Shard: testShard, Replica: 1, Dir: copied(t, r)})
		if index, err := killed.Open(make(chan struct{})); err != nil || index != r.Applied() {
			t.Fatalf("Open returns %d after Sync at %d: %v", index, r.Applied(), err)
		}
		if err := killed.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// Dragonboat replays from the index that Open returned; one that is too low, or a log
// that went back, would apply entries twice. A replica that is handed an entry again
// stops before it counts.
func TestRegressionDragonboatEntryComesAgain(t *testing.T) {
	r := open(t, t.TempDir())
	r.must(put("k", "1"))
	defer func() {
		if recover() == nil {
			t.Error("the entry was applied again")
		}
	}()
	r.update(batch(r.Applied(), 1, 0, put("k", "1")))
}

// Versions before the change go with each event of a transaction or of a delete of
// many keys, live as well as from disk: etcd's watch cache lost them for all but one.
func TestRegressionEveryEventHasItsPrevious(t *testing.T) {
	r := open(t, t.TempDir())
	r.must(put("k1", "1"))
	r.must(put("k2", "1"))
	live := watchAll(t, r, 4)
	r.must(deleteKey("k", "l"))
	for name, w := range map[string]*feed.Watcher{"live": live, "from disk": watchAll(t, r, 4)} {
		batch, err := w.Next(t.Context())
		if err != nil || len(batch.Events) != 2 {
			t.Fatalf("%s: %v %v", name, batch.Events, err)
		}
		for _, event := range batch.Events {
			if event.GetPrevious() == nil {
				t.Errorf("%s: the delete of %s lacks the version before", name, event.GetKv().GetKey())
			}
		}
	}
}
