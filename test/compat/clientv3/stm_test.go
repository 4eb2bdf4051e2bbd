package clientv3

import (
	"errors"
	"fmt"
	"strconv"
	"testing"

	"github.com/conclavehq/conclave/test/compat/rig"
	clientv3 "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/client/v3/concurrency"
	"golang.org/x/sync/errgroup"
)

var isolations = map[string]concurrency.Isolation{
	"serializable snapshot": concurrency.SerializableSnapshot,
	"serializable":          concurrency.Serializable,
	"repeatable reads":      concurrency.RepeatableReads,
	"read committed":        concurrency.ReadCommitted,
}

// Money that is moved to and fro is as much as before, at every level that
// notices when what was read has changed.
func testSTM(t *testing.T, s site) {
	const accounts, workers, transfers = 4, 4, 8
	for name, level := range isolations {
		t.Run(name, func(t *testing.T) {
			c, ctx := s.client(t), rig.Within(t, rig.Patience)
			account := func(i int) string { return key(t, strconv.Itoa(i%accounts)) }
			for i := range accounts {
				if _, err := c.Put(ctx, account(i), "100"); err != nil {
					t.Fatal(err)
				}
			}
			var group errgroup.Group
			for w := range workers {
				group.Go(func() error {
					for n := range transfers {
						from, to := account(w+n), account(w+n+1+n%2)
						_, err := concurrency.NewSTM(c, func(stm concurrency.STM) error {
							has, _ := strconv.Atoi(stm.Get(from))
							gets, _ := strconv.Atoi(stm.Get(to))
							stm.Put(from, strconv.Itoa(has-1))
							stm.Put(to, strconv.Itoa(gets+1))
							if stm.Get(to) != strconv.Itoa(gets+1) {
								return errors.New("a transaction does not read what it wrote")
							}
							return nil
						}, concurrency.WithIsolation(level), concurrency.WithAbortContext(ctx), concurrency.WithPrefetch(from))
						if err != nil {
							return err
						}
					}
					return nil
				})
			}
			if err := group.Wait(); err != nil {
				t.Fatal(err)
			}
			if level == concurrency.ReadCommitted {
				return // which promises nothing of the kind
			}
			if sum := total(t, c, key(t, "")); sum != 100*accounts {
				t.Errorf("%d are left of %d", sum, 100*accounts)
			}
		})
	}
}

// total adds the numbers under a prefix up.
func total(t *testing.T, c *clientv3.Client, prefix string) int {
	t.Helper()
	got, err := c.Get(rig.Within(t, rig.Patience), prefix, clientv3.WithPrefix())
	if err != nil {
		t.Fatal(err)
	}
	sum := 0
	for _, kv := range got.Kvs {
		n, err := strconv.Atoi(string(kv.Value))
		if err != nil {
			t.Fatal(err)
		}
		sum += n
	}
	return sum
}

// What a level lets happen between two reads of a transaction.
func testSTMSkew(t *testing.T, s site) {
	for name, want := range map[string]struct {
		same     bool // both reads of one key are equal
		attempts int  // how often it was tried until nobody was in the way
	}{
		"serializable snapshot": {true, 2},
		"serializable":          {true, 2},
		"repeatable reads":      {true, 2},
		"read committed":        {true, 1},
	} {
		t.Run(name, func(t *testing.T) {
			c, ctx := s.client(t), rig.Within(t, rig.Patience)
			a, b := key(t, "a"), key(t, "b")
			if _, err := c.Put(ctx, a, "0"); err != nil {
				t.Fatal(err)
			}
			attempts := 0
			_, err := concurrency.NewSTM(c, func(stm concurrency.STM) error {
				attempts++
				first := stm.Get(a)
				if attempts == 1 {
					if _, err := c.Put(ctx, a, "1"); err != nil {
						return err
					}
				}
				if same := stm.Get(a) == first; same != want.same {
					return fmt.Errorf("both reads are the same: %v", same)
				}
				stm.Put(b, first)
				return nil
			}, concurrency.WithIsolation(isolations[name]))
			if err != nil {
				t.Fatal(err)
			}
			if attempts != want.attempts {
				t.Errorf("%d attempts, want %d", attempts, want.attempts)
			}
			got, err := c.Get(ctx, b)
			if err != nil || string(got.Kvs[0].Value) != strconv.Itoa(attempts-1) {
				t.Errorf("b is %v, %v", got, err)
			}
		})
	}
}
