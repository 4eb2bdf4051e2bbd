package statemachine

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/testing/protocmp"

	logv1 "github.com/conclavehq/conclave/proto/gen/conclave/log/v1"
	"github.com/conclavehq/conclave/recipes/model"
	"github.com/conclavehq/conclave/statemachine/feed"
)

// origin is another store, whose keys are imported: the simplest one there is.
type origin struct {
	*generator
	state *model.State
	// revisions are what each one changed, from revision 2 on.
	revisions []*logv1.ImportedRevision
	history   changes
}

func newOrigin(seed uint64) *origin {
	o := &origin{generator: newGenerator(seed), state: model.New()}
	for id := range int64(6) {
		o.apply(&logv1.Command{Body: &logv1.Command_GrantLease{GrantLease: &logv1.GrantLease{LeaseId: id + 1, TtlMs: 60_000}}})
	}
	return o
}

func (o *origin) revision() int64 { return int64(len(o.revisions)) + 1 }

// write makes up a transaction.
func (o *origin) write() {
	txn := &logv1.Txn{}
	for range 1 + o.rng.IntN(3) {
		op := &logv1.TxnOp{Op: &logv1.TxnOp_Put{Put: o.put()}}
		if o.rng.IntN(3) == 0 {
			op = &logv1.TxnOp{Op: &logv1.TxnOp_DeleteRange{DeleteRange: o.deleteRange()}}
		}
		txn.Success = append(txn.Success, op)
	}
	o.apply(&logv1.Command{Body: &logv1.Command_Txn{Txn: txn}})
}

func (o *origin) apply(command *logv1.Command) {
	command.NamespaceId = 1
	result, events := o.state.Apply(command, 0, 0)
	if result.GetRevision() == o.revision() {
		return // refused, or nothing to delete
	}
	revision := &logv1.ImportedRevision{Revision: result.GetRevision()}
	for _, event := range events {
		kv := event.GetKv()
		change := &logv1.ImportedChange{Change: &logv1.ImportedChange_Put{Put: kv.GetKv()}}
		if kv.GetType() == logv1.KVEvent_TYPE_DELETE {
			change.Change = &logv1.ImportedChange_Delete{Delete: &logv1.ImportedDelete{Key: kv.GetKv().GetKey(), Count: 1}}
		}
		revision.Changes = append(revision.Changes, change)
		o.history = append(o.history, kv)
	}
	o.revisions = append(o.revisions, revision)
}

func (o *origin) ask(q *logv1.Query) *logv1.Answer {
	q.NamespaceId = 1
	return o.state.Ask(q)
}

// importer copies an origin into a replica, and follows it, with mishaps.
type importer struct {
	*testing.T
	origin  *origin
	replica *replica
	rng     *rand.Rand
	// base is the revision of the last copy and at the one that has been reached.
	base, at int64
}

func importKeys(body *logv1.ImportKeys) *logv1.Command {
	body.Source = "origin"
	return &logv1.Command{NamespaceId: 1, Body: &logv1.Command_ImportKeys{ImportKeys: body}}
}

// copy copies the origin as it is now, or stops after some parts.
func (im *importer) copy(parts int) {
	im.Helper()
	revision := im.origin.revision()
	part := &logv1.ImportPart{Revision: revision, First: true, Key: []byte{0}}
	var leases []*logv1.ImportedLease
	for id := range int64(6) {
		leases = append(leases, &logv1.ImportedLease{LeaseId: id + 1, TtlMs: 60_000})
	}
	for ; parts > 0 && !part.Last; parts-- {
		answer := im.origin.ask(&logv1.Query{Body: &logv1.Query_ExportKeys{ExportKeys: &logv1.ExportKeys{
			Key: part.Key, RangeEnd: []byte{0}, Revision: revision, Limit: 1 + im.rng.Int32N(4),
		}}}).GetExportKeys()
		part.Keys, part.RangeEnd, part.Last = answer.GetKvs(), []byte{0}, true
		if answer.GetMore() {
			last := part.Keys[len(part.Keys)-1].GetKey()
			part.RangeEnd, part.Last = append(bytes.Clone(last), 0), false
		}
		im.replica.must(importKeys(&logv1.ImportKeys{ExpectedRevision: im.at, Part: part, Leases: leases, HoldMs: 1000}))
		im.at = revision
		part = &logv1.ImportPart{Revision: revision, Key: part.RangeEnd, Last: part.Last}
		leases = nil
	}
	im.base = revision
}

// follow takes some of what the origin has written since.
func (im *importer) follow(most int) {
	im.Helper()
	next := im.origin.revisions[im.at-1:]
	next = next[:min(len(next), most)]
	if len(next) == 0 {
		return
	}
	if im.rng.IntN(4) == 0 { // one that does not follow is refused, and does no harm
		wrong := importKeys(&logv1.ImportKeys{ExpectedRevision: im.at, Revisions: []*logv1.ImportedRevision{
			{Revision: im.at + 1, Changes: []*logv1.ImportedChange{{Change: &logv1.ImportedChange_Put{Put: &logv1.KeyValue{
				Key: []byte("k1"), CreateRevision: 1, ModRevision: im.at + 1, Version: max(1, im.at-1),
			}}}}},
		}})
		if got := reason(im.replica.do(wrong)[0]); got != logv1.Reason_REASON_IMPORT_CONFLICT {
			im.Fatalf("a change from nowhere gives %v", got)
		}
	}
	im.replica.must(importKeys(&logv1.ImportKeys{ExpectedRevision: im.at, Revisions: next}))
	im.at += int64(len(next))
}

// check compares all that can be read at the revisions since the copy.
func (im *importer) check() {
	im.Helper()
	for revision := im.base; revision <= im.at; revision++ {
		q := &logv1.Query{NamespaceId: 1, Body: &logv1.Query_Range{Range: &logv1.Range{
			Key: []byte{0}, RangeEnd: []byte{0}, Revision: revision,
		}}}
		want, got := im.origin.ask(q).GetRange(), im.replica.query(q).GetRange()
		if diff := cmp.Diff(want.GetKvs(), got.GetKvs(), protocmp.Transform()); diff != "" {
			im.Fatalf("keys at revision %d, copied at %d, now at %d (-want +got):\n%s", revision, im.base, im.at, diff)
		}
	}
	if im.at != im.origin.revision() {
		return
	}
	for id := range int64(6) {
		q := &logv1.Query{NamespaceId: 1, Body: &logv1.Query_GetLease{GetLease: &logv1.GetLease{LeaseId: id + 1, Keys: true}}}
		same(im, "keys of a lease", im.origin.ask(q).GetGetLease().GetLease().GetKeys(), im.replica.query(q).GetGetLease().GetLease().GetKeys())
	}
}

// Guarantees I1, I3 and I5: whatever happens on the way, the keys are those of the
// origin at every revision since the copy, and whoever watches is told what changed.
func TestImportedHistoryIsThatOfTheOrigin(t *testing.T) {
	seeds := uint64(6)
	if testing.Short() { // for the race detector, which finds nothing in one goroutine
		seeds = 1
	}
	for seed := range seeds {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			im := &importer{
				T: t, origin: newOrigin(seed), replica: open(t, t.TempDir()),
				rng: rand.New(rand.NewPCG(seed, 5)), at: 1,
			}
			var watching *observer
			for range 60 {
				for range im.rng.IntN(4) {
					im.origin.write()
				}
				switch im.rng.IntN(8) {
				case 0:
					im.copy(1 + im.rng.IntN(2)) // and stop
					im.copy(1000)
					watching = nil
				case 1:
					if im.rng.IntN(3) == 0 {
						im.replica = im.replica.reopen()
						watching = nil
					}
				default:
					if im.base == 0 {
						im.copy(1000)
					}
					im.follow(1 + im.rng.IntN(5))
				}
				if im.base == 0 {
					continue
				}
				im.check()
				if watching == nil {
					watching = observe(t, im.replica.Machine, feed.WatchRequest{Key: []byte{0}, RangeEnd: []byte{0}, PrevKV: true}, im.at+1)
				}
				for watching.from <= im.at {
					watching.read(im.origin.until(im.at), im.base)
				}
			}
		})
	}
}

// until is the history up to a revision.
func (o *origin) until(revision int64) changes {
	return slices.DeleteFunc(slices.Clone(o.history), func(e *logv1.KVEvent) bool { return e.GetKv().GetModRevision() > revision })
}

// Guarantee I2: what happened up to the copy is not known, and nobody is left in the
// belief that nothing did: neither who reads, nor who watches since before, nor who
// comes later.
func TestHistoryBeginsAfterTheCopy(t *testing.T) {
	r := open(t, t.TempDir())
	early, err := r.Watch(feed.WatchRequest{Namespace: 1, Key: []byte{0}, RangeEnd: []byte{0}})
	if err != nil {
		t.Fatal(err)
	}
	defer early.Close()
	if _, caughtUp, err := early.CatchUp(); !caughtUp || err != nil {
		t.Fatal(caughtUp, err)
	}
	kv := &logv1.KeyValue{Key: []byte("a"), CreateRevision: 7, ModRevision: 9, Version: 2}
	r.must(importKeys(&logv1.ImportKeys{ExpectedRevision: 1, Part: &logv1.ImportPart{
		Revision: 9, First: true, Last: true, Key: []byte{0}, RangeEnd: []byte{0}, Keys: []*logv1.KeyValue{kv},
	}}))

	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	for from, gone := range map[int64]bool{0: false, 2: true, 8: true, 9: true, 10: false} {
		w, err := r.Watch(feed.WatchRequest{Namespace: 1, Key: []byte{0}, RangeEnd: []byte{0}, StartRevision: from})
		if err != nil {
			t.Fatal(err)
		}
		_, caughtUp, err := w.CatchUp()
		if compacted := (*feed.CompactedError)(nil); gone != errors.As(err, &compacted) || gone && compacted.Revision != 10 {
			t.Errorf("a watch from revision %d: %v", from, err)
		}
		if caughtUp == gone {
			t.Errorf("a watch from revision %d has caught up: %v", from, caughtUp)
		}
		w.Close()
	}
	_, err = early.Next(ctx)
	if compacted := (*feed.CompactedError)(nil); !errors.As(err, &compacted) || compacted.Revision != 10 {
		t.Errorf("the watch from before the copy: %v", err)
	}
	for revision, want := range map[int64]logv1.Reason{
		8: logv1.Reason_REASON_COMPACTED, 9: logv1.Reason_REASON_UNSPECIFIED, 10: logv1.Reason_REASON_FUTURE_REVISION,
	} {
		answer := r.query(&logv1.Query{NamespaceId: 1, Body: &logv1.Query_Range{Range: &logv1.Range{Key: []byte("a"), Revision: revision}}})
		if got := answer.GetRefusal().GetReason(); got != want {
			t.Errorf("a read at revision %d gives %v, want %v", revision, got, want)
		}
	}
}

// A key may go and come back in one revision of the origin; then it begins anew.
func TestImportedKeyBeginsAnew(t *testing.T) {
	r := open(t, t.TempDir())
	old := &logv1.KeyValue{Key: []byte("a"), CreateRevision: 7, ModRevision: 9, Version: 2}
	anew := &logv1.KeyValue{Key: []byte("a"), CreateRevision: 10, ModRevision: 10, Version: 1}
	r.must(
		importKeys(&logv1.ImportKeys{ExpectedRevision: 1, Part: &logv1.ImportPart{
			Revision: 9, First: true, Last: true, Key: []byte{0}, RangeEnd: []byte{0}, Keys: []*logv1.KeyValue{old},
		}}),
		importKeys(&logv1.ImportKeys{ExpectedRevision: 9, Revisions: []*logv1.ImportedRevision{
			{Revision: 10, Changes: []*logv1.ImportedChange{{Change: &logv1.ImportedChange_Put{Put: anew}}}},
		}}),
	)
	for revision, want := range map[int64]*logv1.KeyValue{9: old, 10: anew} {
		answer := r.query(&logv1.Query{NamespaceId: 1, Body: &logv1.Query_Range{Range: &logv1.Range{Key: []byte("a"), Revision: revision}}})
		same(t, fmt.Sprint("the key at revision ", revision), []*logv1.KeyValue{want}, answer.GetRange().GetKvs())
	}
}

// A command that brings several revisions is told under each of them.
func TestImportedRevisionsAreToldOneByOne(t *testing.T) {
	r := open(t, t.TempDir())
	r.must(importKeys(&logv1.ImportKeys{ExpectedRevision: 1, Part: &logv1.ImportPart{
		Revision: 9, First: true, Last: true, Key: []byte{0}, RangeEnd: []byte{0},
	}}))
	sub := r.feed.Subscribe(feed.KV(1, []byte{0}, []byte{0}))
	defer sub.Close()
	placed := func(key string, revision int64) *logv1.ImportedChange {
		return &logv1.ImportedChange{Change: &logv1.ImportedChange_Put{Put: &logv1.KeyValue{
			Key: []byte(key), CreateRevision: revision, ModRevision: revision, Version: 1,
		}}}
	}
	r.must(importKeys(&logv1.ImportKeys{ExpectedRevision: 9, Revisions: []*logv1.ImportedRevision{
		{Revision: 10, Changes: []*logv1.ImportedChange{placed("a", 10), placed("b", 10)}},
		{Revision: 11},
		{Revision: 12, Changes: []*logv1.ImportedChange{placed("c", 12)}},
	}}))
	batch, ok, err := sub.Poll()
	if err != nil || !ok {
		t.Fatal(ok, err)
	}
	var got []int64
	for _, event := range batch.Events {
		got = append(got, event.GetRevision())
	}
	same(t, "revisions of the events", []int64{10, 10, 12}, got)
}
