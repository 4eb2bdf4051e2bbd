package store

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/conclavehq/conclave/internal/keys"
)

// A lane finds what was written to it last, whether somebody looked before or
// not, and whatever was taken back since.
func TestLaneMatchesAPlainMap(t *testing.T) {
	for seed := range uint64(20) {
		rng := rand.New(rand.NewPCG(seed, 2))
		var l lane
		states := []map[string]string{{}} // after each change that still stands
		for step := range 2000 {
			key := fmt.Sprintf("k%02d", rng.IntN(40))
			now := states[len(states)-1]
			switch rng.IntN(8) {
			case 0:
				if got, changed := l.get(key); !matches(now, key, got, changed) {
					t.Fatalf("seed %d step %d: %s is %q, %v, not %q", seed, step, key, got, changed, now[key])
				}
			case 1:
				if got := l.keysIn(keyRange{from: key, to: "l"}); !slices.Equal(got, from(now, key)) {
					t.Fatalf("seed %d step %d: keys from %s are %v, not %v", seed, step, key, got, from(now, key))
				}
			case 2, 3:
				for range min(rng.IntN(5), len(states)-1) {
					l.removeLast()
					states = states[:len(states)-1]
				}
			default:
				value := fmt.Appendf(nil, "%d", step)
				if rng.IntN(4) == 0 {
					value = nil
				}
				l.add(key, value)
				next := maps.Clone(now)
				next[key] = string(value)
				states = append(states, next)
			}
		}
		written := map[string]string{}
		_ = l.each(func(w *write) error {
			written[w.key] = string(w.value)
			return nil
		})
		if !maps.Equal(written, states[len(states)-1]) {
			t.Fatalf("seed %d: %v is written, not %v", seed, written, states[len(states)-1])
		}
		if l.reset(); l.keysIn(keyRange{from: "", to: "l"}) != nil {
			t.Fatalf("seed %d: the next batch finds what the last one changed", seed)
		}
	}
}

func matches(want map[string]string, key string, got []byte, changed bool) bool {
	value, ok := want[key]
	return changed == ok && string(got) == value && (got == nil) == (value == "")
}

func from(m map[string]string, key string) []string {
	return slices.DeleteFunc(slices.Sorted(maps.Keys(m)), func(k string) bool { return k < key })
}

// A version that is known to be overwritten in the same batch is not written.
func TestLaneLeavesOutWhatIsSuperseded(t *testing.T) {
	var l lane
	for n := range 10 {
		l.get("k")
		l.add("k", fmt.Append(nil, n))
	}
	l.get("k")
	l.removeLast()
	l.removeLast()
	var written []string
	_ = l.each(func(w *write) error {
		written = append(written, string(w.value))
		return nil
	})
	if !slices.Equal(written, []string{"7"}) {
		t.Errorf("%v are written, not the last alone", written)
	}
}

// Every cold table has a lane, and no other has.
func TestLanesAreOfTheColdTables(t *testing.T) {
	for table := range keys.Table(255) {
		if (keys.Where(table) == keys.Cold) != slices.Contains(coldTables[:], table) {
			t.Errorf("table %x: cold is %v", table, keys.Where(table) == keys.Cold)
		}
	}
}
