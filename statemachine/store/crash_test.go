package store

import (
	"encoding/binary"
	"fmt"
	"maps"
	"math/rand/v2"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/google/go-cmp/cmp"

	"github.com/conclavehq/conclave/internal/keys"
)

// What survives a crash is a prefix of the commits, at least as long as what
// was synced. Promise S1: the applied index is in the same batch as the data.
func TestRegressionDragonboatSyncIsDurable(t *testing.T) {
	indexKey := keys.U8(keys.Prefix(keys.Shard, keys.Meta), 1)
	for seed := range uint64(8) {
		t.Run(fmt.Sprintf("seed %d", seed), func(t *testing.T) {
			rng := rand.New(rand.NewPCG(seed, 2))
			fs := vfs.NewCrashableMem()
			h := &harness{t: t, rng: rng, fs: fs, model: model{}}
			h.open()
			defer func() { h.db.Close() }()
			states, synced := []model{{}}, 0
			for n := 1; n <= 200; n++ {
				h.begin()
				for range rng.IntN(30) {
					h.change()
				}
				index := binary.AppendUvarint(nil, uint64(n))
				h.batch.Set(indexKey, index)
				h.next[string(indexKey)] = string(index)
				commit(t, h.batch)
				h.model = h.next
				states = append(states, maps.Clone(h.model.persisted()))
				if rng.IntN(40) == 0 {
					if err := h.db.Sync(); err != nil {
						t.Fatal(err)
					}
					synced = n
				}
				if rng.IntN(20) == 0 {
					survived(t, fs, rng, indexKey, states, synced)
				}
			}
		})
	}
}

// survived crashes a copy of the file system and compares what is left.
func survived(t *testing.T, fs *vfs.MemFS, rng *rand.Rand, indexKey []byte, states []model, synced int) {
	t.Helper()
	clone := fs.CrashClone(vfs.CrashCloneCfg{
		UnsyncedDataPercent: []int{0, 30, 70, 100}[rng.IntN(4)], RNG: rng,
	})
	db, err := Open("db", Options{FS: clone, MemTableBytes: 64 << 10})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	index, _ := binary.Uvarint(db.NewBatch().Get(indexKey))
	if int(index) < synced || int(index) >= len(states) {
		t.Fatalf("commit %d survived; %d was synced and %d the last", index, synced, len(states)-1)
	}
	if diff := cmp.Diff(states[index].list("", "\xff"), contents(t, db)); diff != "" {
		t.Fatalf("after a crash at commit %d (-want +got):\n%s", index, diff)
	}
}
