package etcdv2

import (
	"testing"
	"time"
)

// What a lease's id is made of is read from it again.
func TestLeaseHint(t *testing.T) {
	seen := make(map[int64]bool)
	for what := range deed(len(actions)) {
		for _, end := range []time.Time{
			time.Date(2026, time.May, 4, 3, 2, 1, 990_000_000, time.UTC),
			endEpoch,
			time.Now().Add(maxTTL), // further than can be told
		} {
			for range 500 {
				id := leaseID(what, end)
				if id <= 0 || seen[id] {
					t.Fatalf("id %d is not new, or not positive", id)
				}
				seen[id] = true
				gotWhat, gotEnd, ok := leaseHint(id)
				far := gotEnd.Year() > 2190 && end.Year() > 2190
				if !ok || gotWhat != what || !far && !gotEnd.Equal(end) {
					t.Fatalf("%d until %v: %d until %v, %v", what, end, gotWhat, gotEnd, ok)
				}
			}
		}
	}
	for _, id := range []int64{0, 1, -1, 1 << 62, 7587886439834042894} {
		if _, _, ok := leaseHint(id); ok {
			t.Errorf("lease %d is taken for one of this API", id)
		}
	}
}

func TestLifetime(t *testing.T) {
	for seconds, want := range map[uint64]time.Duration{
		0: leastTTL, 1: time.Second, 9_000_000_000: maxTTL, 1 << 63: maxTTL,
	} {
		if got := lifetime(seconds); got != want {
			t.Errorf("%d s: %v, want %v", seconds, got, want)
		}
	}
}

func TestShown(t *testing.T) {
	for key, want := range map[string]struct {
		path     string
		mark, ok bool
	}{
		"/a":      {"/a", false, true},
		"/a/b c":  {"/a/b c", false, true},
		"/a/":     {"/a", true, true},
		"a":       {},
		"/":       {},
		"//":      {},
		"":        {},
		"/a//b":   {},
		"/a//":    {},
		"/a/./b":  {},
		"/a/../b": {},
		"/..":     {},
	} {
		p, mark, ok := shown(key)
		if ok != want.ok || ok && (p != want.path || mark != want.mark) {
			t.Errorf("%q: %q, %v, %v", key, p, mark, ok)
		}
	}
}

func TestHiddenFrom(t *testing.T) {
	for _, c := range []struct {
		dir, path string
		want      bool
	}{
		{"/", "/_a", true}, {"/", "/a/_b/c", true}, {"/", "/a", false}, {"/a", "/a/_b", true}, {"/_a", "/_a/b", false},
		{"/_a", "/_a", false}, {"/a/b", "/_a", false}, {"/a", "/a_b", false},
	} {
		if got := hiddenFrom(c.dir, c.path); got != c.want {
			t.Errorf("%s from %s: %v", c.path, c.dir, got)
		}
	}
}
