package conclave_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	conclave "github.com/conclavehq/conclave/sdk"
)

// 10,000 watches at one node see every change. They begin one after the other,
// while changes are made, and share a stream.
func TestManyWatches(t *testing.T) {
	watches, changes := 10_000, 50
	if testing.Short() {
		watches = 1000
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	c, err := conclave.Dial(ctx, endpoints)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	first, err := c.Put(ctx, "many/first", "")
	if err != nil {
		t.Fatal(err)
	}
	var watching sync.WaitGroup
	for range watches {
		watching.Go(func() {
			n := 0
			for event, err := range c.Watch(ctx, "many/", conclave.WithPrefix(), conclave.FromRevision(first+1)) {
				if err != nil || event.KV.Key != fmt.Sprintf("many/%d", n) {
					t.Errorf("change %d is %v, %v", n, event.KV.Key, err)
					return
				}
				if n++; n == changes {
					return
				}
			}
		})
	}
	for i := range changes {
		if _, err := c.Put(ctx, fmt.Sprintf("many/%d", i), "x"); err != nil {
			t.Fatal(err)
		}
	}
	watching.Wait()
}

// A watch whose loop stands still stops no other one of its client, and misses
// nothing.
func TestSlowWatch(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	c, err := conclave.Dial(ctx, endpoints)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	first, err := c.Put(ctx, "slow/first", "")
	if err != nil {
		t.Fatal(err)
	}
	const changes = 64
	large := strings.Repeat("x", 100<<10)
	goOn := make(chan struct{})
	count := func(begun func()) {
		n := 0
		for event, err := range c.Watch(ctx, "slow/", conclave.WithPrefix(), conclave.FromRevision(first+1)) {
			if err != nil || event.KV.Key != fmt.Sprintf("slow/%d", n) || len(event.KV.Value) != len(large) {
				t.Errorf("change %d is %v, %v", n, event.KV.Key, err)
				return
			}
			begun()
			if n++; n == changes {
				return
			}
		}
	}
	var quick, slow sync.WaitGroup
	slow.Go(func() { count(func() { <-goOn }) })
	quick.Go(func() { count(func() {}) })
	for i := range changes {
		if _, err := c.Put(ctx, fmt.Sprintf("slow/%d", i), large); err != nil {
			t.Fatal(err)
		}
	}
	quick.Wait()
	close(goOn)
	slow.Wait()
}
