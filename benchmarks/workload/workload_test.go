package workload

import (
	"testing"
	"time"
)

func TestWorkloadsAreWhole(t *testing.T) {
	seen := make(map[string]bool)
	for _, w := range All() {
		if seen[w.Name] || w.Name == "" || w.Title == "" || w.Nodes < 1 || w.Run == nil || len(w.Goals) == 0 {
			t.Errorf("%q is not whole, or there twice", w.Name)
		}
		seen[w.Name] = true
	}
}

func TestInputIsTheSameForBothSystems(t *testing.T) {
	one, two, other := newInput(7), newInput(7), newInput(8)
	if one.key(keySpace) != two.key(keySpace) || one.value() != two.value() {
		t.Error("the same caller sends different things")
	}
	if value := other.value(); len(value) != valueSize || value == one.value() {
		t.Error("values do not differ, or have a wrong size")
	}
	if k := other.key(keySpace); len(k) != 8 {
		t.Errorf("key %q does not have 8 bytes", k)
	}
}

func TestQueueBodiesCarryTheirTime(t *testing.T) {
	body := queueBody(1234*time.Microsecond, newInput(0))
	if at, more := queuedAt(body); len(body) != valueSize || at != 1234*time.Microsecond || !more {
		t.Errorf("read %s, %t from %q", at, more, body)
	}
	if _, more := queuedAt(lastJob); more {
		t.Error("the last job is not the last")
	}
}

func TestGoals(t *testing.T) {
	for _, c := range []struct {
		goal Goal
		text string
		met  float64
		not  float64
	}{
		{ratioOf(Rate, 5), "≥ 5×", 5, 4.9},
		{ratioUpTo(P99, 0.5), "≤ 0.5×", 0.5, 0.6},
		{atMost(extra("x", "memory", "MiB"), 120), "≤ 120 MiB", 0, 121},
	} {
		if c.goal.String() != c.text || !c.goal.Met(c.met) || c.goal.Met(c.not) {
			t.Errorf("%s: want %s, met by %g and not by %g", c.goal, c.text, c.met, c.not)
		}
	}
}
