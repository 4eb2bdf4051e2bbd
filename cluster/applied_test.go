package cluster

import (
	"os"
	"path/filepath"
	"testing"
)

// The mark says how far a replica ever came: entries that are applied again do not
// take that back. Damaged, it says nothing.
// Promise S2
func TestAppliedMark(t *testing.T) {
	path := filepath.Join(t.TempDir(), "sm", "2-1.applied")
	set := func(indexes ...uint64) {
		t.Helper()
		m, err := openMark(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, index := range indexes {
			if err := m.set(index); err != nil {
				t.Fatal(err)
			}
		}
		if err := m.close(); err != nil {
			t.Fatal(err)
		}
	}
	want := func(found uint64) {
		t.Helper()
		m, err := openMark(path)
		if err != nil {
			t.Fatal(err)
		}
		defer m.close()
		if m.found != found {
			t.Errorf("the mark says %d, want %d", m.found, found)
		}
	}
	want(0)
	set(7, 1000)
	want(1000)
	set(901, 902, 1000)
	want(1000)
	set(950, 1001)
	want(1001)

	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for name, spoiled := range map[string][]byte{
		"short":    raw[:len(raw)-1],
		"a bit":    append([]byte{raw[0] ^ 1}, raw[1:]...),
		"no bytes": nil,
	} {
		if err := os.WriteFile(path, spoiled, 0o600); err != nil {
			t.Fatal(err)
		}
		t.Run(name, func(*testing.T) { want(0) })
	}
}
