package conclave_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	conclave "github.com/conclavehq/conclave/sdk"
)

func TestKeys(t *testing.T) {
	c := alone(t)
	ctx := t.Context()
	first, err := c.Put(ctx, "kv/a", "one")
	if err != nil {
		t.Fatal(err)
	}
	second, err := c.Put(ctx, "kv/a", "\xff\x00 is no text")
	if err != nil || second != first+1 {
		t.Fatalf("revision %d after %d, %v", second, first, err)
	}
	kv, err := c.Get(ctx, "kv/a", conclave.Serializable(second))
	want := conclave.KV{Key: "kv/a", Value: []byte("\xff\x00 is no text"), Created: first, Modified: second, Version: 2}
	if diff := cmp.Diff(want, kv); err != nil || diff != "" {
		t.Error(err, diff)
	}
	if kv, err = c.Get(ctx, "kv/a", conclave.AtRevision(first)); err != nil || kv.String() != "one" {
		t.Errorf("%q, %v", kv, err)
	}
	if _, err := c.Get(ctx, "kv/b"); !errors.Is(err, conclave.ErrKeyNotFound) {
		t.Errorf("%v", err)
	}
	if _, err := c.Get(ctx, "kv/a", conclave.AtRevision(second+1000)); !errors.Is(err, conclave.ErrFutureRevision) {
		t.Errorf("%v", err)
	}
	deleted, err := c.Delete(ctx, "kv/", conclave.WithPrefix(), conclave.WithPrevious())
	if err != nil || deleted.Count != 1 || deleted.Revision != second+1 || len(deleted.Previous) != 1 {
		t.Errorf("%+v, %v", deleted, err)
	}
	if _, err := c.Put(ctx, "", "x"); !errors.Is(err, conclave.ErrInvalid) {
		t.Errorf("an empty key: %v", err)
	}
	if _, err := c.Put(ctx, "kv/c", strings.Repeat("x", 2<<20)); !errors.Is(err, conclave.ErrTooLarge) {
		t.Errorf("2 MiB: %v", err)
	}
	if _, err := c.Put(ctx, "kv/\xff", "x"); !errors.Is(err, conclave.ErrInvalid) {
		t.Errorf("a key that is no text: %v", err)
	}
}

func TestKeysOfASession(t *testing.T) {
	c := alone(t)
	s := open(t, c)
	if _, err := c.Put(t.Context(), "leased", "x", conclave.WithLease(s.ID())); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Get(t.Context(), "leased"); !errors.Is(err, conclave.ErrKeyNotFound) {
		t.Errorf("%v", err)
	}
	if _, err := c.Put(t.Context(), "leased", "x", conclave.WithLease(s.ID())); !errors.Is(err, conclave.ErrLeaseNotFound) {
		t.Errorf("%v", err)
	}
}

func TestAllPages(t *testing.T) {
	c := alone(t)
	ctx := t.Context()
	const keys = 2500
	for i := 0; i < keys; i += 100 {
		txn := c.Txn()
		for k := i; k < i+100; k++ {
			txn.Then(conclave.OpPut(fmt.Sprintf("all/%05d", k), "x"))
		}
		if _, err := txn.Commit(ctx); err != nil {
			t.Fatal(err)
		}
	}
	count := 0
	for kv, err := range c.All(ctx, "all/", conclave.WithPrefix(), conclave.KeysOnly()) {
		if err != nil {
			t.Fatal(err)
		}
		if want := fmt.Sprintf("all/%05d", count); kv.Key != want || kv.Value != nil {
			t.Fatalf("%q, want %q", kv.Key, want)
		}
		if count == 0 {
			// What is deleted while the loop goes on is still seen.
			if _, err := c.Delete(ctx, "all/02400", conclave.WithFromKey()); err != nil {
				t.Fatal(err)
			}
		}
		count++
	}
	if count != keys {
		t.Errorf("%d keys, want %d", count, keys)
	}
	res, err := c.Range(ctx, "all/", conclave.WithPrefix(), conclave.Sorted(conclave.SortByKey, true), conclave.WithLimit(1))
	if err != nil || len(res.KVs) != 1 || res.KVs[0].Key != "all/02399" || res.Count != 2400 || !res.More {
		t.Errorf("%+v, %v", res, err)
	}
}

// Promise R3
func TestTxn(t *testing.T) {
	c := alone(t)
	ctx := t.Context()
	s := open(t, c)
	hold, err := s.Mutex("txn").Lock(ctx)
	if err != nil {
		t.Fatal(err)
	}
	create := func() *conclave.Txn {
		return c.Txn().
			If(conclave.ModRevision("txn/a").Equal(0), hold.Guard()).
			Then(conclave.OpPut("txn/a", "1"), conclave.OpGet("txn/", conclave.WithPrefix())).
			Else(conclave.OpTxn(c.Txn().
				If(conclave.Value("txn/a").Equal("1"), conclave.Version("txn/").Over(conclave.WithPrefix()).Less(2)).
				Then(conclave.OpPut("txn/a", "2", conclave.WithPrevious()), conclave.OpDelete("txn/none"))))
	}
	res, err := create().Commit(ctx)
	if err != nil || !res.Succeeded || len(res.Results) != 2 || len(res.Results[1].Range.KVs) != 1 {
		t.Fatalf("%+v, %v", res, err)
	}
	if res, err = create().Commit(ctx); err != nil || res.Succeeded {
		t.Fatalf("%+v, %v", res, err)
	}
	inner := res.Results[0].Txn
	if inner == nil || !inner.Succeeded || inner.Results[0].Previous.String() != "1" || inner.Results[1].Deleted.Count != 0 {
		t.Errorf("%+v", inner)
	}
	if err := hold.Unlock(ctx); err != nil {
		t.Fatal(err)
	}
	if _, err := create().Commit(ctx); !errors.Is(err, conclave.ErrGuardFailed) {
		t.Errorf("%v", err)
	}
}

func TestWatch(t *testing.T) {
	c := alone(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var seen []string
	for event, err := range c.Watch(ctx, "watch/", conclave.WithPrefix(), conclave.WithPrevious(), conclave.WithProgress(time.Minute)) {
		if err != nil {
			if !errors.Is(err, context.Canceled) {
				t.Errorf("it ended with %v", err)
			}
			break
		}
		if event.Type == conclave.EventProgress {
			// Everything from here on is seen.
			_, err := c.Put(ctx, "watch/a", "1")
			_, err2 := c.Put(ctx, "watch/a", "2")
			_, err3 := c.Delete(ctx, "watch/a")
			if err := errors.Join(err, err2, err3); err != nil {
				t.Fatal(err)
			}
			continue
		}
		line := fmt.Sprintf("%v %s=%s", event.Type, event.KV.Key, event.KV)
		if event.Previous != nil {
			line += " was " + event.Previous.String()
		}
		if seen = append(seen, line); len(seen) == 3 {
			cancel()
		}
	}
	want := []string{"put watch/a=1", "put watch/a=2 was 1", "delete watch/a= was 2"}
	if diff := cmp.Diff(want, seen); diff != "" {
		t.Error(diff)
	}
}

func TestWatchOfTheForgotten(t *testing.T) {
	c := alone(t)
	ctx := t.Context()
	var last conclave.Revision
	for range 3 {
		var err error
		if last, err = c.Put(ctx, "forgotten", "x"); err != nil {
			t.Fatal(err)
		}
	}
	if err := c.Compact(ctx, last); err != nil {
		t.Fatal(err)
	}
	for _, err := range c.Watch(ctx, "forgotten", conclave.FromRevision(last-2)) {
		e, ok := errors.AsType[*conclave.Error](err)
		if !ok || !errors.Is(err, conclave.ErrCompacted) || e.Revision != last {
			t.Errorf("%v", err)
		}
	}
}
