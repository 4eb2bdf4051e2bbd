package history

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "history")
	w, err := Create(path)
	if err != nil {
		t.Fatal(err)
	}
	want := []Record{
		{Client: 1, Workload: Registers, Kind: Txn, Call: 5, Return: w.Now(), Revision: 7, Succeeded: true,
			Then: []Op{{Type: Get, Key: "a", Found: []KV{{Key: "a", Value: "1", Modified: 7}}}}},
		{Client: 2, Workload: Watches, Kind: WatchEvent, Watcher: 3, Events: []Event{{Delete: true, Previous: &KV{Key: "a"}}}},
	}
	for _, r := range want {
		w.Add(r)
	}
	if w.Count() != 2 {
		t.Errorf("%d records", w.Count())
	}
	if err = w.Close(); err != nil {
		t.Fatal(err)
	}
	got, err := Read(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if _, err = Create(path); err == nil {
		t.Error("a history was written over")
	}
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err = os.WriteFile(path, whole[:len(whole)-9], 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err = Read(path); err == nil {
		t.Error("a history that was cut short is read as whole")
	}
}
