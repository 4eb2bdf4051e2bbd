package etcdv2_test

import (
	"fmt"
	"strconv"
	"sync"
	"testing"
)

// Everybody who compares and swaps counts once.
func TestConcurrentCompareAndSwap(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	const workers, rounds = 8, 10
	s.call("PUT", "/count", "value=0")
	var all sync.WaitGroup
	for worker := range workers {
		all.Go(func() {
			for done := 0; done < rounds; {
				now := s.ask("GET", "/count", "").Node
				n, err := strconv.Atoi(*now.Value)
				if err != nil {
					t.Error(err)
					return
				}
				condition := "prevValue=" + *now.Value
				if worker%2 == 0 {
					condition = fmt.Sprintf("prevIndex=%d", now.ModifiedIndex)
				}
				switch got := s.call("PUT", "/count?"+condition, fields("value", strconv.Itoa(n+1))); got.status {
				case 200:
					done++
				case 412:
				default:
					t.Errorf("%d %s", got.status, got.body)
					return
				}
			}
		})
	}
	all.Wait()
	if got := *s.ask("GET", "/count", "").Node.Value; got != strconv.Itoa(workers*rounds) {
		t.Errorf("counted to %s", got)
	}
}

// Nothing becomes a file and a directory at once, and no lease is left behind.
func TestConcurrentKinds(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	var all sync.WaitGroup
	for worker := range 8 {
		all.Go(func() {
			for round := range 20 {
				switch (worker + round) % 4 {
				case 0:
					s.call("PUT", "/a", "value=1&ttl=100")
				case 1:
					s.call("PUT", "/a/b", "value=2&ttl=100")
				case 2:
					s.call("DELETE", "/a?recursive=true", "")
				case 3:
					s.call("PUT", "/a", "dir=true&ttl=1000")
				}
				keys := s.keys()
				_, file := keys["/a"]
				_, mark := keys["/a/"]
				_, inside := keys["/a/b"]
				if file && (mark || inside) {
					t.Errorf("a file and a directory: %q", keys)
				}
			}
		})
	}
	all.Wait()
	s.call("DELETE", "/a?recursive=true", "")
	if got := s.leases(); got != 0 {
		t.Errorf("%d leases are left", got)
	}
}
