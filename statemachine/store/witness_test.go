package store

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/conclavehq/conclave/internal/keys"
)

// Whatever bit of the manifest is damaged, and wherever it is cut: a DB that opens
// has everything.
//
// Promise D1.
func TestRegressionEtcd20271DamagedManifestIsNoticed(t *testing.T) {
	dir := t.TempDir()
	opts := Options{MemTableBytes: 64 << 10}
	db := openDir(t, dir, opts)
	const records = 400
	key := func(i int) []byte { return keys.U64(keys.Prefix(keys.Shard, keys.Latest), uint64(i)) }
	for i := range records {
		b := db.NewBatch()
		b.Set(key(i), make([]byte, 4<<10))
		commit(t, b)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	manifests, err := filepath.Glob(filepath.Join(dir, "MANIFEST-*"))
	if err != nil || len(manifests) == 0 {
		t.Fatal(manifests, err)
	}
	path := slices.Max(manifests)
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}

	refused := 0
	try := func(what string, content []byte) {
		t.Helper()
		copied := t.TempDir()
		if err := os.CopyFS(copied, os.DirFS(dir)); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(copied, filepath.Base(path)), content, 0o600); err != nil {
			t.Fatal(err)
		}
		db, err := Open(copied, opts)
		if err != nil {
			refused++
			return
		}
		b := db.NewBatch()
		for i := range records {
			if b.Get(key(i)) == nil {
				t.Errorf("%s: record %d is lost", what, i)
				break
			}
		}
		b.Discard()
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
	}
	step := max(1, len(whole)/60)
	for at := 0; at < len(whole); at += step {
		damaged := slices.Clone(whole)
		damaged[at] ^= 0x10
		try(fmt.Sprintf("a bit of byte %d of %d", at, len(whole)), damaged)
		try(fmt.Sprintf("cut at %d of %d", at, len(whole)), whole[:at])
	}
	if refused == 0 {
		t.Error("no damage was noticed")
	}
	t.Logf("%d bytes of manifest, %d of %d damages were noticed", len(whole), refused, 2*(len(whole)/step+1))
	try("undamaged", whole)
}

func openDir(t *testing.T, dir string, opts Options) *DB {
	t.Helper()
	db, err := Open(dir, opts)
	if err != nil {
		t.Fatal(err)
	}
	return db
}
