package mvcc

import (
	"bytes"
	"cmp"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	gocmp "github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/testing/protocmp"

	"github.com/conclavehq/conclave/internal/keys"
	logv1 "github.com/conclavehq/conclave/proto/gen/conclave/log/v1"
	"github.com/conclavehq/conclave/statemachine/store"
)

const testNamespace keys.Namespace = 7

// state is the live keys after one revision.
type state map[string]*logv1.KeyValue

// revision is what one revision did.
type revision struct {
	number int64
	events []*logv1.KVEvent
	after  state
}

// model remembers everything, naively. It starts at revision 1.
type model struct {
	revisions []revision
	compacted int64
}

func newModel() *model {
	return &model{revisions: []revision{{number: 1, after: state{}}}, compacted: -1}
}

func (m *model) last() revision { return m.revisions[len(m.revisions)-1] }

func (m *model) at(n int64) state { return m.revisions[n-1].after }

// inSpan is a second opinion on what key and range end mean.
func inSpan(key string, from, end []byte) bool {
	if len(end) == 0 {
		return key == string(from)
	}
	return key >= string(from) && (string(end) == "\x00" || key < string(end))
}

func (m *model) rangeOf(q *logv1.Range) *logv1.RangeResult {
	live := m.last().after
	if q.Revision > 0 {
		live = m.at(q.Revision)
	}
	result := &logv1.RangeResult{Revision: m.last().number}
	for _, key := range slices.Sorted(maps.Keys(live)) {
		kv := live[key]
		if !inSpan(key, q.Key, q.RangeEnd) {
			continue
		}
		result.Count++
		if q.CountOnly ||
			q.MinModRevision != 0 && kv.ModRevision < q.MinModRevision ||
			q.MaxModRevision != 0 && kv.ModRevision > q.MaxModRevision ||
			q.MinCreateRevision != 0 && kv.CreateRevision < q.MinCreateRevision ||
			q.MaxCreateRevision != 0 && kv.CreateRevision > q.MaxCreateRevision {
			continue
		}
		result.Kvs = append(result.Kvs, kv)
	}
	slices.SortStableFunc(result.Kvs, func(a, b *logv1.KeyValue) int {
		order := 0
		switch q.SortTarget {
		case logv1.SortTarget_SORT_TARGET_VERSION:
			order = cmp.Compare(a.Version, b.Version)
		case logv1.SortTarget_SORT_TARGET_CREATE_REVISION:
			order = cmp.Compare(a.CreateRevision, b.CreateRevision)
		case logv1.SortTarget_SORT_TARGET_MOD_REVISION:
			order = cmp.Compare(a.ModRevision, b.ModRevision)
		case logv1.SortTarget_SORT_TARGET_VALUE:
			order = bytes.Compare(a.Value, b.Value)
		default:
			order = bytes.Compare(a.Key, b.Key)
		}
		if q.SortOrder == logv1.SortOrder_SORT_ORDER_DESCEND {
			return -order
		}
		return order
	})
	if q.Limit > 0 && int64(len(result.Kvs)) > q.Limit {
		result.Kvs, result.More = result.Kvs[:q.Limit], true
	}
	if q.KeysOnly {
		for i, kv := range result.Kvs {
			result.Kvs[i] = kv.CloneVT()
			result.Kvs[i].Value = nil
		}
	}
	return result
}

// history lists the events from one revision to another.
func (m *model) history(q Changes) (events []*logv1.KVEvent) {
	for _, r := range m.revisions {
		if r.number < q.From || r.number > q.To {
			continue
		}
		for _, event := range r.events {
			if !inSpan(string(event.Kv.Key), q.Key, q.RangeEnd) {
				continue
			}
			event = event.CloneVT()
			// The version before ended at this revision; it is forgotten by a
			// compaction to this revision or a later one.
			if !q.Previous || r.number <= m.compacted {
				event.Previous = nil
			}
			events = append(events, event)
		}
	}
	return events
}

// world runs the same operations on both sides.
type world struct {
	t     *testing.T
	rng   *rand.Rand
	db    *store.DB
	batch *store.Batch
	kv    KV
	model *model
}

func newWorld(t *testing.T, seed uint64) *world {
	t.Helper()
	db, err := store.Open("db", store.Options{FS: vfs.NewMem(), MemTableBytes: 128 << 10})
	if err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, rng: rand.New(rand.NewPCG(seed, 3)), db: db, model: newModel()}
	w.begin()
	t.Cleanup(func() { db.Close() })
	return w
}

func (w *world) begin() {
	w.batch = w.db.NewBatch()
	w.kv = New(w.batch, testNamespace)
}

func (w *world) commit() {
	w.t.Helper()
	if err := w.batch.Commit(); err != nil {
		w.t.Fatal(err)
	}
	w.begin()
}

// key picks one of few keys with awkward bytes in them.
func (w *world) key() []byte {
	letters := []string{"a", "b", "\x00", "\x00\x01", "\xff", "c\x00", "\x01"}
	key := letters[w.rng.IntN(len(letters))]
	for w.rng.IntN(2) == 0 && len(key) < 4 {
		key += letters[w.rng.IntN(len(letters))]
	}
	return []byte(key)
}

func (w *world) span() (key, end []byte) {
	switch w.rng.IntN(4) {
	case 0:
		return w.key(), nil
	case 1:
		return w.key(), []byte{0}
	case 2:
		return []byte{0}, []byte{0}
	default:
		return w.key(), w.key()
	}
}

// write makes one revision of up to three changes of different keys, or none.
func (w *world) write() {
	w.t.Helper()
	next := w.model.last().number + 1
	after := maps.Clone(w.model.last().after)
	var events, got []*logv1.KVEvent
	for range 1 + w.rng.IntN(3) {
		key, end := w.key(), []byte(nil)
		put := w.rng.IntN(4) != 0
		if !put && w.rng.IntN(4) == 0 {
			key, end = w.span()
		}
		if touched(events, key, end) {
			continue
		}
		if put {
			lease := int64(max(0, w.rng.IntN(5)-2))
			value := fmt.Appendf(nil, "%d", w.rng.IntN(1000))
			write, anew := w.kv.Put, w.rng.IntN(8) == 0
			if anew {
				write = w.kv.Make
			}
			events = append(events, modelPut(after, next, key, value, lease, anew))
			got = append(got, write(next, uint32(len(got)), key, value, lease, true))
		} else {
			events = append(events, modelDelete(after, next, key, end)...)
			got = append(got, w.kv.Delete(next, uint32(len(got)), key, end)...)
		}
	}
	w.same("events", events, got)
	if len(events) > 0 {
		w.model.revisions = append(w.model.revisions, revision{number: next, events: events, after: after})
	}
}

func touched(events []*logv1.KVEvent, key, end []byte) bool {
	return slices.ContainsFunc(events, func(e *logv1.KVEvent) bool { return inSpan(string(e.Kv.Key), key, end) })
}

func modelPut(after state, at int64, key, value []byte, lease int64, anew bool) *logv1.KVEvent {
	kv := &logv1.KeyValue{
		Key: key, Value: value, LeaseId: lease,
		CreateRevision: at, ModRevision: at, Version: 1,
	}
	old := after[string(key)]
	if old != nil && !anew {
		kv.CreateRevision, kv.Version = old.CreateRevision, old.Version+1
	}
	after[string(key)] = kv
	return &logv1.KVEvent{Type: logv1.KVEvent_TYPE_PUT, Kv: kv, Previous: old}
}

func modelDelete(after state, at int64, key, end []byte) (events []*logv1.KVEvent) {
	for _, k := range slices.Sorted(maps.Keys(after)) {
		if inSpan(k, key, end) {
			events = append(events, &logv1.KVEvent{
				Type:     logv1.KVEvent_TYPE_DELETE,
				Kv:       &logv1.KeyValue{Key: []byte(k), ModRevision: at},
				Previous: after[k],
			})
			delete(after, k)
		}
	}
	return events
}

// query makes a random range read that can be answered.
func (w *world) query() *logv1.Range {
	current := w.model.last().number
	key, end := w.span()
	q := &logv1.Range{
		Key: key, RangeEnd: end,
		SortOrder:  logv1.SortOrder(w.rng.IntN(3)),
		SortTarget: logv1.SortTarget(w.rng.IntN(6)),
		KeysOnly:   w.rng.IntN(4) == 0,
		CountOnly:  w.rng.IntN(8) == 0,
	}
	if w.rng.IntN(2) == 0 {
		q.Limit = int64(w.rng.IntN(8))
	}
	if oldest := max(1, w.model.compacted); w.rng.IntN(2) == 0 {
		q.Revision = oldest + w.rng.Int64N(current-oldest+1)
	}
	for _, bound := range []*int64{
		&q.MinModRevision, &q.MaxModRevision, &q.MinCreateRevision, &q.MaxCreateRevision,
	} {
		if w.rng.IntN(6) == 0 {
			*bound = w.rng.Int64N(current + 1)
		}
	}
	return q
}

// read compares one random read of each kind on a Snapshot.
func (w *world) read(s Snapshot) {
	w.t.Helper()
	q := w.query()
	got, refusal := s.Range(q, w.model.last().number)
	if refusal != nil {
		w.t.Fatalf("%v refused: %v", q, refusal)
	}
	w.same(fmt.Sprintf("range %v", q), w.model.rangeOf(q), got)

	w.export(s, q)

	// Without the count, nothing else changes.
	uncounted := q.CloneVT()
	uncounted.Uncounted = true
	again, refusal := s.Range(uncounted, w.model.last().number)
	if refusal != nil {
		w.t.Fatalf("%v refused: %v", uncounted, refusal)
	}
	if again.Count > got.Count {
		w.t.Errorf("%v counted %d of %d", uncounted, again.Count, got.Count)
	}
	again.Count = got.Count
	w.same(fmt.Sprintf("range %v", uncounted), got, again)

	key := w.key()
	w.same("current", w.model.last().after[string(key)], s.Current(key))

	from := max(0, w.model.compacted) + w.rng.Int64N(4)
	changes := Changes{From: from, To: from + w.rng.Int64N(60), Previous: w.rng.IntN(2) == 0}
	changes.Key, changes.RangeEnd = w.span()
	var events []*logv1.KVEvent
	if refusal := s.History(changes, func(_ int64, event *logv1.KVEvent) bool {
		events = append(events, event)
		return true
	}); refusal != nil {
		w.t.Fatalf("%+v refused: %v", changes, refusal)
	}
	w.same(fmt.Sprintf("history %+v, compacted %d", changes, w.model.compacted), w.model.history(changes), events)

	lease := int64(1 + w.rng.IntN(2))
	var attached [][]byte
	for _, k := range slices.Sorted(maps.Keys(w.model.last().after)) {
		if w.model.last().after[k].LeaseId == lease {
			attached = append(attached, []byte(k))
		}
	}
	w.same("lease keys", attached, s.LeaseKeys(lease))
}

// export reads the same keys page by page. Guarantee I7: each once, in order, as they
// were at one revision.
func (w *world) export(s Snapshot, of *logv1.Range) {
	w.t.Helper()
	if len(of.RangeEnd) == 0 {
		return
	}
	want := w.model.rangeOf(&logv1.Range{Key: of.Key, RangeEnd: of.RangeEnd, Revision: of.Revision})
	q := &logv1.ExportKeys{
		Key: of.Key, RangeEnd: of.RangeEnd, Revision: of.Revision,
		Limit: int32(1 + w.rng.IntN(4)), LimitBytes: int32(1 + w.rng.IntN(12)),
	}
	var got []*logv1.KeyValue
	for more := true; more; {
		page, refusal := s.Export(q, w.model.last().number)
		if refusal != nil || len(page.Kvs) > int(q.Limit) || page.More && len(page.Kvs) == 0 {
			w.t.Fatalf("export %v: %v, %v", q, page, refusal)
		}
		got = append(got, page.Kvs...)
		if more = page.More; more {
			q.Key = append(bytes.Clone(got[len(got)-1].Key), 0)
		}
	}
	w.same(fmt.Sprintf("export %v", of), want.Kvs, got)
}

func (w *world) same(what string, want, got any) {
	w.t.Helper()
	if diff := gocmp.Diff(want, got, protocmp.Transform()); diff != "" {
		w.t.Fatalf("%s (-want +got):\n%s", what, diff)
	}
}

func (w *world) compact() {
	w.t.Helper()
	current := w.model.last().number
	to := w.model.compacted + 1 + w.rng.Int64N(current-w.model.compacted)
	var ended int64
	for _, r := range w.model.revisions {
		if r.number > w.model.compacted && r.number <= to {
			for _, event := range r.events {
				if event.Previous != nil {
					ended++
				}
			}
		}
	}
	if removed := w.kv.Compact(to); removed != ended {
		w.t.Fatalf("Compact(%d) removed %d versions, want %d", to, removed, ended)
	}
	w.model.compacted = to
	if got := w.kv.Compacted(); got != to {
		w.t.Fatalf("Compacted() = %d after Compact(%d)", got, to)
	}
}

// Promises D3 and D4: revisions, versions, reads in the past and the history
// of changes are as in a model that keeps a full copy per revision.
func TestRandomOperationsMatchTheModel(t *testing.T) {
	steps := 250
	if testing.Short() { // for the race detector, which finds nothing in one goroutine
		steps = 50
	}
	for seed := range uint64(4) {
		t.Run(fmt.Sprintf("seed %d", seed), func(t *testing.T) {
			w := newWorld(t, seed)
			for range steps {
				w.write()
				if w.rng.IntN(40) == 0 {
					w.compact()
				}
				w.read(w.kv.Snapshot)
				if w.rng.IntN(5) == 0 {
					w.commit()
					w.readView()
				}
			}
		})
	}
}

func (w *world) readView() {
	w.t.Helper()
	view, err := w.db.View()
	if err != nil {
		w.t.Fatal(err)
	}
	defer view.Close()
	w.read(Read(view, testNamespace))
	if view.Err() != nil {
		w.t.Fatal(view.Err())
	}
}
