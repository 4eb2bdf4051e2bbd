package model_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/testing/protocmp"

	"github.com/conclavehq/conclave/internal/keys"
	logv1 "github.com/conclavehq/conclave/proto/gen/conclave/log/v1"
	"github.com/conclavehq/conclave/recipes/model"
)

const ns keys.Namespace = 7

// A rollback leaves nothing of what came after the mark, and everything of what
// came before it.
func TestRollback(t *testing.T) {
	s := model.New()
	a, b, c := keys.Name(keys.Prefix(ns, keys.Mutex), "a"), keys.Name(keys.Prefix(ns, keys.Mutex), "b"), keys.Name(keys.Prefix(ns, keys.Mutex), "c")
	s.Begin(ns, 1, 0).Set(a, []byte("1"))

	tx := s.Begin(ns, 2, 0)
	tx.Set(b, []byte("1"))
	before := s.Records(ns, keys.Mutex)
	mark := tx.Mark()
	tx.Set(a, []byte("2"))
	tx.Set(a, []byte("3"))
	tx.Delete(b)
	tx.Set(c, []byte("1"))
	tx.Delete(a)
	tx.PutKey([]byte("k"), []byte("v"), 5)
	tx.DeleteKeys([]byte("k"), nil)
	tx.Rollback(mark)

	if diff := cmp.Diff(before, s.Records(ns, keys.Mutex)); diff != "" {
		t.Errorf("records (-want +got):\n%s", diff)
	}
	if tx.Revision() != 1 || len(tx.Events()) != 0 || tx.Current([]byte("k")) != nil {
		t.Errorf("left: revision %d, events %v, key %v", tx.Revision(), tx.Events(), tx.Current([]byte("k")))
	}
	if attached := s.Records(ns, keys.LeaseKeys); len(attached) != 0 {
		t.Errorf("left: attached keys %v", attached)
	}
	// The revision can be taken again.
	if rev := tx.NextRevision(); rev != 2 {
		t.Errorf("revision after the rollback is %d", rev)
	}
}

// Revisions and versions have etcd's meaning (promise D3), and history ends
// where it was compacted.
func TestHistory(t *testing.T) {
	s := model.New()
	put := func(value string) { s.Begin(ns, 0, 0).PutKey([]byte("k"), []byte(value), 0) }
	put("one")
	put("two")
	s.Begin(ns, 0, 0).DeleteKeys([]byte("k"), nil)
	put("three")
	put("four")

	read := func(rev int64) string {
		result, refusal := s.Reader(ns).Range(&logv1.Range{Key: []byte("k"), Revision: rev})
		if refusal != nil {
			return refusal.GetReason().String()
		}
		if len(result.GetKvs()) == 0 {
			return "none"
		}
		return string(result.GetKvs()[0].GetValue())
	}
	history := func() (values []string) {
		for rev := range int64(7) {
			values = append(values, read(rev+1))
		}
		return values
	}
	want := []string{"none", "one", "two", "none", "three", "four", "REASON_FUTURE_REVISION"}
	if diff := cmp.Diff(want, history()); diff != "" {
		t.Errorf("values at revisions 1 to 7 (-want +got):\n%s", diff)
	}
	kv := s.Reader(ns).Current([]byte("k"))
	wantKV := &logv1.KeyValue{Key: []byte("k"), Value: []byte("four"), CreateRevision: 5, ModRevision: 6, Version: 2}
	if diff := cmp.Diff(wantKV, kv, protocmp.Transform()); diff != "" {
		t.Errorf("current (-want +got):\n%s", diff)
	}

	if removed := s.Begin(ns, 0, 0).CompactTo(5); removed != 2 {
		t.Errorf("compacting removed %d versions, not 2", removed)
	}
	gone := "REASON_COMPACTED"
	want = []string{gone, gone, gone, gone, "three", "four", "REASON_FUTURE_REVISION"}
	if diff := cmp.Diff(want, history()); diff != "" {
		t.Errorf("values after compacting to 5 (-want +got):\n%s", diff)
	}
}

// The model has a rule for every command and query but those that concern the
// replica that runs it.
func TestRulesAreComplete(t *testing.T) {
	replica := map[protoreflect.Name]bool{
		"claim_epoch": true, "drop_namespace": true, "compute_hash": true, "get_status": true,
	}
	for _, m := range []proto.Message{&logv1.Command{}, &logv1.Query{}} {
		fields := m.ProtoReflect().Descriptor().Oneofs().ByName("body").Fields()
		for i := range fields.Len() {
			if name := fields.Get(i).Name(); !replica[name] && !model.Has(name) {
				t.Errorf("recipes/model/rules.go has no rule for %s", name)
			}
		}
	}
}
