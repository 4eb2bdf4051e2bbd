package starts

import "testing"

func TestKnown(t *testing.T) {
	for _, c := range []struct {
		what         string
		count        uint64
		nonces       []uint64
		start, nonce uint64
		want         bool
	}{
		{"this start", 5, []uint64{50, 40, 30}, 5, 50, true},
		{"the one before", 5, []uint64{50, 40, 30}, 4, 40, true},
		{"one that others did not see in between", 5, []uint64{50, 40, 30}, 3, 30, true},
		{"as many starts from a copy", 5, []uint64{51, 41, 30}, 5, 50, false},
		{"more starts from a copy", 6, []uint64{61, 51, 41, 30}, 5, 50, false},
		{"a copy that was not started since", 4, []uint64{40, 30}, 5, 50, false},
		{"longer ago than is kept", 100, make([]uint64, Kept), 60, 7, true},
		{"a list that is too short", 5, []uint64{50}, 3, 30, false},
		{"no list", 5, nil, 5, 50, false},
	} {
		if got := Known(c.count, c.nonces, c.start, c.nonce); got != c.want {
			t.Errorf("%s: %t", c.what, got)
		}
	}
}
