package store

import (
	"math/rand/v2"
	"testing"

	"github.com/conclavehq/conclave/internal/keys"
)

// What a span takes is told within a factor of two, before it is flushed and after.
func TestSpanBytes(t *testing.T) {
	db := openMem(t)
	random := rand.New(rand.NewPCG(1, 2))
	const records, size = 300, 64 << 10
	for i := range records {
		value := make([]byte, size)
		for at := range value {
			value[at] = byte(random.Uint32())
		}
		batch := db.NewBatch()
		batch.Set(coldKey(i), value)
		commit(t, batch)
	}
	view, err := db.View()
	if err != nil {
		t.Fatal(err)
	}
	defer view.Close()
	// want also holds of what is as large as several spans, in memory.
	want := func(from, to []byte, least, most int64) {
		t.Helper()
		if got := view.SpanBytes(from, to); got < least/2 || got > 2*most {
			t.Errorf("%x to %x: %d bytes, want %d to %d", from, to, got, least, most)
		}
	}
	all := keys.After(keys.Prefix(1, keys.Latest))
	want(coldKey(0), all, records*size, records*size)
	want(coldKey(100), coldKey(200), 100*size, records*size)
	history := keys.Prefix(1, keys.History)
	want(history, keys.After(history), 0, 0)
	for range 2 { // once more with nothing to write
		if err := db.Sync(); err != nil {
			t.Fatal(err)
		}
		want(coldKey(0), all, records*size, records*size)
		want(coldKey(0), coldKey(records), records*size, records*size)
		want(coldKey(100), coldKey(200), 100*size, 100*size)
		want(coldKey(records), all, 0, size)
		want(history, keys.After(history), 0, size)
	}
	want(coldKey(200), coldKey(200), 0, 0)
	want(coldKey(200), coldKey(100), 0, 0)

	batch := db.NewBatch()
	batch.Set(coldKey(records), make([]byte, size))
	commit(t, batch)
	want(coldKey(100), coldKey(200), 100*size, 100*size)
	want(coldKey(records), all, size, 2*size)
}
