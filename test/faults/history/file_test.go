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

// The numbers of what is in old files stay: new ones come at the end. What is put in
// before moves those that are here.
func TestNumbersStay(t *testing.T) {
	for _, c := range []struct {
		name      string
		got, want int
	}{
		{"Watches", int(Watches), 3}, {"Compactions", int(Compactions), 12},
		{"WatchEnded", int(WatchEnded), 6}, {"LeaseGone", int(LeaseGone), 11}, {"OutsideWrite", int(OutsideWrite), 15},
		{"LeaderSeen", int(LeaderSeen), 21}, {"Drained", int(Drained), 28}, {"InstancesSeen", int(InstancesSeen), 33},
		{"Compacted", int(Compacted), 37}, {"Complaint", int(Complaint), 43},
		{"Unknown", int(Unknown), 2}, {"Etcd", int(Etcd), 1},
		{"Delete", int(Delete), 3}, {"IfVersion", int(IfVersion), 6},
	} {
		if c.got != c.want {
			t.Errorf("%s is %d and was %d: old histories would be read wrongly", c.name, c.got, c.want)
		}
	}
}
