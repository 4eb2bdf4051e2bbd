package fault

import (
	"fmt"
	"slices"
	"testing"
)

func TestCatalogue(t *testing.T) {
	families := []string{"process", "network", "disk", "clock", "load", "mixed"}
	names := map[string]bool{}
	for i, f := range All {
		if want := fmt.Sprintf("F%02d", i+1); f.ID != want {
			t.Errorf("fault %d is %s, want %s", i, f.ID, want)
		}
		if f.Name == "" || names[f.Name] || f.What == "" || f.Every <= 0 || f.Hold <= 0 || f.Inject == nil {
			t.Errorf("%s is not complete", f.ID)
		}
		names[f.Name] = true
		if !slices.Contains(families, f.Family) {
			t.Errorf("%s is of the family %q", f.ID, f.Family)
		}
		if one := Named(f.Name); len(one) != 1 || one[0].ID != f.ID {
			t.Errorf("%q names %v", f.Name, one)
		}
	}
	if len(All) != 28 || len(Named("all")) != 28 || len(Named("network")) != 7 || len(Named("quantum")) != 0 {
		t.Errorf("%d faults, %d of the network", len(All), len(Named("network")))
	}
}

// No two injections take one node, and they leave a majority alone.
func TestTaken(t *testing.T) {
	taken := NewTaken(1)
	if !taken.take("n1") || taken.take("n1") || taken.take("n2") {
		t.Error("more than one of three nodes was taken")
	}
	taken.release("n1")
	if !taken.take("n2") {
		t.Error("a node that was given back does not make room")
	}
}
