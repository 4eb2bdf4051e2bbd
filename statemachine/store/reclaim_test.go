package store

import (
	"math/rand/v2"
	"testing"
	"time"
)

// What was deleted gives its room back without anything else being written, and
// what was not is still there.
func TestReclaim(t *testing.T) {
	db := openMem(t)
	random := rand.New(rand.NewPCG(1, 2))
	const records, kept = 400, 7
	for i := range records {
		value := make([]byte, 32<<10)
		for at := range value {
			value[at] = byte(random.Uint32())
		}
		batch := db.NewBatch()
		batch.Set(coldKey(i), value)
		commit(t, batch)
	}
	if err := db.Sync(); err != nil {
		t.Fatal(err)
	}
	full := db.DiskBytes()
	batch := db.NewBatch()
	for i := range records {
		if i != kept {
			batch.Delete(coldKey(i))
		}
	}
	commit(t, batch)

	// How much deleted records hold is found out beside, some time later.
	deadline := time.Now().Add(20 * time.Second)
	for db.DiskBytes() > full/10 {
		if err := db.Reclaim(t.Context()); err != nil {
			t.Fatal(err)
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d of %d bytes are left", db.DiskBytes(), full)
		}
	}
	view, err := db.View()
	if err != nil {
		t.Fatal(err)
	}
	defer view.Close()
	if value := view.Get(coldKey(kept)); len(value) != 32<<10 {
		t.Errorf("the record that was kept has %d bytes", len(value))
	}
}
