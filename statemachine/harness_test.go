package statemachine

import (
	"bytes"
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	dbsm "github.com/lni/dragonboat/v4/statemachine"
	"google.golang.org/protobuf/testing/protocmp"

	logv1 "github.com/conclavehq/conclave/proto/gen/conclave/log/v1"
	"github.com/conclavehq/conclave/statemachine/entry"
)

const testShard = 2

// replica is a machine with what its proposers were told.
type replica struct {
	*Machine
	t       testing.TB
	results map[uint64][]*logv1.Result
}

// open opens the replica that lives in dir.
func open(t testing.TB, dir string) *replica {
	t.Helper()
	return openWith(t, dir, 128)
}

// openWith opens a replica whose subscriptions hold so many pending events.
func openWith(t testing.TB, dir string, buffer int) *replica {
	t.Helper()
	r := &replica{t: t, results: map[uint64][]*logv1.Result{}}
	r.Machine = New(Config{
		Shard: testShard, Replica: 1, Dir: dir, FeedBuffer: buffer,
		Results: func(id uint64, results []*logv1.Result) { r.results[id] = results },
	})
	if _, err := r.Open(make(chan struct{})); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.Close() })
	return r
}

// reopen closes a replica and opens it again.
func (r *replica) reopen() *replica {
	r.t.Helper()
	if err := r.Close(); err != nil {
		r.t.Fatal(err)
	}
	again := open(r.t, r.config.Dir)
	again.results = r.results
	again.config.Results = func(id uint64, results []*logv1.Result) { again.results[id] = results }
	return again
}

// update applies entries in one Update.
func (r *replica) update(entries ...dbsm.Entry) {
	r.t.Helper()
	if _, err := r.Update(slices.Clone(entries)); err != nil {
		r.t.Fatal(err)
	}
}

// batch makes a log entry. Its index is its batch id too.
func batch(index, epoch uint64, clock int64, commands ...*logv1.Command) dbsm.Entry {
	return dbsm.Entry{Index: index, Cmd: entry.Append(nil, &logv1.Header{
		Epoch: epoch, ClockMs: clock, WallMs: 1_700_000_000_000 + clock, BatchId: index,
	}, commands...)}
}

// claim makes a batch in which a leader claims its epoch.
func claim(index, epoch uint64, clock int64) dbsm.Entry {
	return batch(index, epoch, clock, &logv1.Command{Body: &logv1.Command_ClaimEpoch{
		ClaimEpoch: &logv1.ClaimEpoch{Epoch: epoch, Node: "n1"},
	}})
}

// do applies commands in an entry of their own under the current epoch and
// clock, and returns their results.
func (r *replica) do(commands ...*logv1.Command) []*logv1.Result {
	r.t.Helper()
	return r.doAt(r.Clock(), commands...)
}

func (r *replica) doAt(clock int64, commands ...*logv1.Command) []*logv1.Result {
	r.t.Helper()
	if r.Epoch() == 0 {
		r.update(claim(r.Applied()+1, 1, clock))
	}
	index := r.Applied() + 1
	r.update(batch(index, r.Epoch(), clock, commands...))
	return r.results[index]
}

// must applies commands and fails the test if one is refused.
func (r *replica) must(commands ...*logv1.Command) []*logv1.Result {
	r.t.Helper()
	results := r.do(commands...)
	for i, result := range results {
		if result.GetRefusal() != nil {
			r.t.Fatalf("command %d is refused: %v", i, result.GetRefusal())
		}
	}
	return results
}

func (r *replica) query(q *logv1.Query) *logv1.Answer {
	r.t.Helper()
	answer, err := r.Query(r.t.Context(), q)
	if err != nil {
		r.t.Fatal(err)
	}
	return answer
}

// get reads one key of namespace 1.
func (r *replica) get(key string) string {
	r.t.Helper()
	answer := r.query(&logv1.Query{NamespaceId: 1, Body: &logv1.Query_Range{Range: &logv1.Range{Key: []byte(key)}}})
	if kvs := answer.GetRange().GetKvs(); len(kvs) == 1 {
		return string(kvs[0].GetValue())
	}
	return ""
}

// dump lists every record; equal states have equal dumps unless a record holds
// a map.
func (r *replica) dump() []string {
	r.t.Helper()
	view, err := r.view()
	if err != nil {
		r.t.Fatal(err)
	}
	defer func() { _ = view.Close() }()
	var records []string
	view.ScanAll(func(key, value []byte) bool {
		records = append(records, fmt.Sprintf("%x = %x", key, value))
		return true
	})
	return records
}

// snapshot saves the replica's state.
func (r *replica) snapshot() []byte {
	r.t.Helper()
	token, err := r.PrepareSnapshot()
	if err != nil {
		r.t.Fatal(err)
	}
	var out bytes.Buffer
	if err := r.SaveSnapshot(token, &out, make(chan struct{})); err != nil {
		r.t.Fatal(err)
	}
	return out.Bytes()
}

// recover replaces the replica's state.
func (r *replica) recover(snapshot []byte) {
	r.t.Helper()
	if err := r.RecoverFromSnapshot(bytes.NewReader(snapshot), make(chan struct{})); err != nil {
		r.t.Fatal(err)
	}
}

// hashNow makes the replica hash itself by an entry at an index.
func (r *replica) hashAt(index uint64) string {
	r.t.Helper()
	r.update(batch(index, r.Epoch(), r.Clock(), &logv1.Command{
		Body: &logv1.Command_ComputeHash{ComputeHash: &logv1.ComputeHash{}},
	}))
	r.hashes.running.Wait()
	hash, ok := r.Hash(index)
	if !ok {
		r.t.Fatalf("no hash at index %d", index)
	}
	return hash
}

func put(key, value string) *logv1.Command {
	return &logv1.Command{NamespaceId: 1, Body: &logv1.Command_Put{Put: &logv1.Put{Key: []byte(key), Value: []byte(value)}}}
}

func grantLease(id, ttl int64) *logv1.Command {
	return &logv1.Command{NamespaceId: 1, Body: &logv1.Command_GrantLease{GrantLease: &logv1.GrantLease{LeaseId: id, TtlMs: ttl}}}
}

func acquire(name string, lease, wait int64) *logv1.Command {
	return &logv1.Command{NamespaceId: 1, Body: &logv1.Command_AcquireMutex{AcquireMutex: &logv1.AcquireMutex{
		Name: name, LeaseId: lease, WaitMs: wait,
	}}}
}

func expire() *logv1.Command {
	return &logv1.Command{NamespaceId: 1, Body: &logv1.Command_ExpireTimers{ExpireTimers: &logv1.ExpireTimers{}}}
}

func dropNamespace(id uint32) *logv1.Command {
	return &logv1.Command{NamespaceId: id, Body: &logv1.Command_DropNamespace{DropNamespace: &logv1.DropNamespace{}}}
}

func reason(result *logv1.Result) logv1.Reason { return result.GetRefusal().GetReason() }

// same fails the test if two values differ.
func same(t testing.TB, what string, want, got any) {
	t.Helper()
	if diff := cmp.Diff(want, got, protocmp.Transform()); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}
