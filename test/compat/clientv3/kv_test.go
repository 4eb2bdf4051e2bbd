package clientv3

import (
	"slices"
	"strings"
	"testing"

	"github.com/conclavehq/conclave/test/compat/rig"
	clientv3 "go.etcd.io/etcd/client/v3"
)

func testKV(t *testing.T, s site) {
	c, ctx := s.client(t), rig.Within(t, rig.Patience)
	k := key(t, "k")

	first, err := c.Put(ctx, k, "one")
	if err != nil || first.PrevKv != nil {
		t.Fatalf("put: %v, %v", first, err)
	}
	second, err := c.Put(ctx, k, "two", clientv3.WithPrevKV())
	if err != nil || string(second.PrevKv.GetValue()) != "one" {
		t.Fatalf("put: %v, %v", second, err)
	}
	got, err := c.Get(ctx, k)
	if err != nil || len(got.Kvs) != 1 || got.Count != 1 {
		t.Fatalf("get: %v, %v", got, err)
	}
	kv := got.Kvs[0]
	if kv.CreateRevision != first.Header.Revision || kv.ModRevision != second.Header.Revision || kv.Version != 2 || string(kv.Value) != "two" {
		t.Errorf("got %v, created at %d and changed at %d", kv, first.Header.Revision, second.Header.Revision)
	}
	if got.Header.Revision < second.Header.Revision || got.Header.ClusterId == 0 || got.Header.MemberId == 0 || got.Header.RaftTerm == 0 {
		t.Errorf("the header is %v", got.Header)
	}
	past, err := c.Get(ctx, k, clientv3.WithRev(first.Header.Revision))
	if err != nil || string(past.Kvs[0].Value) != "one" {
		t.Errorf("the past is %v, %v", past, err)
	}
	serializable, err := c.Get(ctx, k, clientv3.WithSerializable())
	if err != nil || len(serializable.Kvs) != 1 {
		t.Errorf("serializable: %v, %v", serializable, err)
	}
	gone, err := c.Delete(ctx, k, clientv3.WithPrevKV())
	if err != nil || gone.Deleted != 1 || string(gone.PrevKvs[0].Value) != "two" {
		t.Errorf("delete: %v, %v", gone, err)
	}
	none, err := c.Delete(ctx, k)
	if err != nil || none.Deleted != 0 {
		t.Errorf("delete again: %v, %v", none, err)
	}
	rangesAndOrder(t, c)
}

// rangesAndOrder asks for keys in every order that the client knows.
func rangesAndOrder(t *testing.T, c *clientv3.Client) {
	ctx := rig.Within(t, rig.Patience)
	prefix := key(t, "range/")
	for _, pair := range []string{"c=1", "a=3", "b=2", "b=0"} {
		name, value, _ := strings.Cut(pair, "=")
		if _, err := c.Put(ctx, prefix+name, value); err != nil {
			t.Fatal(err)
		}
	}
	for _, want := range []struct {
		keys    string
		options []clientv3.OpOption
	}{
		{"a b c", nil},
		{"c b a", []clientv3.OpOption{clientv3.WithSort(clientv3.SortByKey, clientv3.SortDescend)}},
		{"c", clientv3.WithLastKey()},
		{"a", clientv3.WithFirstKey()},
		{"c", clientv3.WithFirstCreate()},
		{"b", clientv3.WithLastCreate()},
		{"c", clientv3.WithFirstRev()},
		{"b", clientv3.WithLastRev()},
		{"b c a", []clientv3.OpOption{clientv3.WithSort(clientv3.SortByValue, clientv3.SortAscend)}},
		{"b", []clientv3.OpOption{clientv3.WithSort(clientv3.SortByVersion, clientv3.SortDescend), clientv3.WithLimit(1)}},
		{"a b", []clientv3.OpOption{clientv3.WithLimit(2)}},
		{"", []clientv3.OpOption{clientv3.WithCountOnly()}},
	} {
		got, err := c.Get(ctx, prefix, append([]clientv3.OpOption{clientv3.WithPrefix()}, want.options...)...)
		if err != nil {
			t.Fatal(err)
		}
		var keys []string
		for _, kv := range got.Kvs {
			keys = append(keys, strings.TrimPrefix(string(kv.Key), prefix))
		}
		if strings.Join(keys, " ") != want.keys || got.Count != 3 {
			t.Errorf("got %q of %d, want %q of 3", keys, got.Count, want.keys)
		}
	}
	from, err := c.Get(ctx, prefix+"b", clientv3.WithRange(prefix+"z"), clientv3.WithKeysOnly())
	if err != nil || len(from.Kvs) != 2 || from.Kvs[0].Value != nil {
		t.Errorf("a range of keys: %v, %v", from, err)
	}
}

func testTxn(t *testing.T, s site) {
	c, ctx := s.client(t), rig.Within(t, rig.Patience)
	k, other, missing := key(t, "k"), key(t, "other"), key(t, "missing")
	lease, err := c.Grant(ctx, 60)
	if err != nil {
		t.Fatal(err)
	}
	put, err := c.Put(ctx, k, "value", clientv3.WithLease(lease.ID))
	if err != nil {
		t.Fatal(err)
	}
	revision := put.Header.Revision
	for _, want := range []struct {
		cmp       clientv3.Cmp
		succeeded bool
	}{
		{clientv3.Compare(clientv3.Value(k), "=", "value"), true},
		{clientv3.Compare(clientv3.Value(k), ">", "val"), true},
		{clientv3.Compare(clientv3.Value(k), "!=", "value"), false},
		{clientv3.Compare(clientv3.Value(missing), "!=", "value"), false},
		{clientv3.Compare(clientv3.CreateRevision(k), "=", revision), true},
		{clientv3.Compare(clientv3.ModRevision(k), "<", revision+1), true},
		{clientv3.Compare(clientv3.Version(k), "=", 1), true},
		{clientv3.Compare(clientv3.Version(missing), "=", 0), true},
		{clientv3.Compare(clientv3.LeaseValue(k), "=", lease.ID), true},
		{clientv3.Compare(clientv3.LeaseValue(k), "=", clientv3.NoLease), false},
		{clientv3.Compare(clientv3.Version(key(t, "")), ">", 0).WithPrefix(), true},
		{clientv3.Compare(clientv3.Value(key(t, "")), "=", "else").WithPrefix(), false},
	} {
		got, err := c.Txn(ctx).If(want.cmp).Then(clientv3.OpGet(k)).Else(clientv3.OpGet(missing), clientv3.OpGet(k)).Commit()
		if err != nil {
			t.Fatal(err)
		}
		if got.Succeeded != want.succeeded || len(got.Responses) != 2-len(got.Responses[0].GetResponseRange().Kvs) {
			t.Errorf("%v: %v", want.cmp, got)
		}
	}
	got, err := c.Txn(ctx).Then(
		clientv3.OpPut(other, "1", clientv3.WithPrevKV()), clientv3.OpGet(other), clientv3.OpDelete(k, clientv3.WithPrevKV()), clientv3.OpGet(k),
	).Commit()
	if err != nil {
		t.Fatal(err)
	}
	r := got.Responses
	if string(r[1].GetResponseRange().Kvs[0].Value) != "1" || r[2].GetResponseDeleteRange().Deleted != 1 || len(r[3].GetResponseRange().Kvs) != 0 {
		t.Errorf("a transaction does not see what it does: %v", got)
	}
	if at := r[1].GetResponseRange().Kvs[0].ModRevision; at != got.Header.Revision || r[0].GetResponsePut().Header.Revision != at {
		t.Errorf("a transaction has several revisions: %v", got)
	}
}

// A transaction within a transaction decides on the state before the outer one.
func testNestedTxn(t *testing.T, s site) {
	c, ctx := s.client(t), rig.Within(t, rig.Patience)
	a, b := key(t, "a"), key(t, "b")
	if _, err := c.Put(ctx, a, "old"); err != nil {
		t.Fatal(err)
	}
	old := []clientv3.Cmp{clientv3.Compare(clientv3.Value(a), "=", "old")}
	got, err := c.Txn(ctx).If(old...).Then(
		clientv3.OpPut(a, "new"),
		clientv3.OpTxn(old, []clientv3.Op{clientv3.OpPut(b, "decided before"), clientv3.OpGet(a)}, []clientv3.Op{clientv3.OpPut(b, "decided after")}),
	).Commit()
	if err != nil {
		t.Fatal(err)
	}
	inner := got.Responses[1].GetResponseTxn()
	if !got.Succeeded || !inner.Succeeded || string(inner.Responses[1].GetResponseRange().Kvs[0].Value) != "new" {
		t.Errorf("got %v", got)
	}
	read, err := c.Do(ctx, clientv3.OpGet(b))
	if err != nil || string(read.Get().Kvs[0].Value) != "decided before" {
		t.Errorf("b is %v, %v", read, err)
	}
}

func testGetStream(t *testing.T, s site) {
	c, ctx := s.client(t), rig.Within(t, rig.Patience)
	prefix := key(t, "")
	value := strings.Repeat("x", 10_000)
	var keys []string
	for _, part := range []string{"a", "b", "c"} {
		var puts []clientv3.Op
		for i := range 100 {
			keys = append(keys, prefix+part+string(rune('A'+i/10))+string(rune('0'+i%10)))
			puts = append(puts, clientv3.OpPut(keys[len(keys)-1], value))
		}
		if _, err := c.Txn(ctx).Then(puts...).Commit(); err != nil {
			t.Fatal(err)
		}
	}
	stream, err := c.GetStream(ctx, prefix, clientv3.WithPrefix())
	if err != nil {
		t.Fatal(err)
	}
	got, err := clientv3.GetStreamToGetResponse(stream)
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for _, kv := range got.Kvs {
		found = append(found, string(kv.Key))
		if string(kv.Value) != value {
			t.Fatalf("%s has %d bytes", kv.Key, len(kv.Value))
		}
	}
	if !slices.Equal(found, keys) || got.Count != int64(len(keys)) || got.More {
		t.Errorf("got %d keys of %d, more %v", len(found), got.Count, got.More)
	}
}
