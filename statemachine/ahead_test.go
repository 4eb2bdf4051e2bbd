package statemachine

import "testing"

// Update begins to write once before each Sync, late enough that little is left.
func TestAheadOfSync(t *testing.T) {
	var a ahead
	for _, synced := range []uint64{0, 320, 700} {
		a.reset(320, synced)
		began := uint64(0)
		for index := synced + 1; index <= synced+320; index++ {
			if a.due(index) {
				if began != 0 {
					t.Errorf("it begins again at %d", index)
				}
				began = index
			}
		}
		if began != synced+310 {
			t.Errorf("it begins at %d, %d entries after the last Sync", began, began-synced)
		}
	}
	if a.reset(0, 5); a.due(1 << 40) {
		t.Error("it begins although nothing says when Sync is called")
	}
}

// What was begun ahead of Sync is a state like any other when the process is killed
// meanwhile, and Sync makes up for the rest.
//
// Promise S1.
func TestKilledAheadOfSync(t *testing.T) {
	r := open(t, t.TempDir())
	r.config.SyncEvery = 32
	if err := r.Sync(); err != nil {
		t.Fatal(err)
	}
	for i := range 40 {
		r.must(put("k", "v"))
		if i%8 != 7 {
			continue
		}
		killed := open(t, copied(t, r))
		if killed.Applied() > r.Applied() {
			t.Fatalf("the disk has entry %d before it is applied", killed.Applied())
		}
	}
	if err := r.Sync(); err != nil {
		t.Fatal(err)
	}
	if killed := open(t, copied(t, r)); killed.Applied() != r.Applied() {
		t.Errorf("entry %d is on disk after Sync, want %d", killed.Applied(), r.Applied())
	}
}
