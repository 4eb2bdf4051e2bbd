package cluster

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/conclavehq/conclave/cluster/transport"
	logv1 "github.com/conclavehq/conclave/proto/gen/conclave/log/v1"
)

// A peer that comes back with an old copy of its data is told apart from one that
// was only restarted, however often the copy is started.
//
// Promise S2.
func TestOldCopyIsRefused(t *testing.T) {
	dir, copied := t.TempDir(), t.TempDir()
	begin := func(dir string) history {
		t.Helper()
		h, err := beginStart(dir)
		if err != nil {
			t.Fatal(err)
		}
		return h
	}
	check := func(known, now history) error {
		record := &logv1.Node{Name: "n2", Starts: known.Count, StartNonces: known.Nonces[:1]}
		return checkStart(record, transport.Hello{Name: "n2", Start: now.Count, Starts: now.Nonces})
	}
	first := begin(dir)
	if err := os.CopyFS(copied, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	second := begin(dir)
	third := begin(dir)
	for what, err := range map[string]error{
		"the same start":      check(second, second),
		"a restart":           check(second, third),
		"two restarts":        check(first, third),
		"nothing on record":   check(history{}, second),
		"an older version":    check(second, history{}),
		"a copy not gone old": check(first, begin(copied)),
	} {
		if err != nil {
			t.Errorf("%s: %v", what, err)
		}
	}
	for range 100 { // a supervisor starts it again and again
		old := begin(copied)
		err := check(second, old)
		if err == nil || !strings.Contains(err.Error(), "conclave member replace n2") {
			t.Fatalf("start %d of an old copy: %v", old.Count, err)
		}
		old.withdraw(copied)
	}
	if err := check(second, first); err == nil {
		t.Error("an earlier start passes")
	}
}

// What is known of starts is never guessed.
//
// Promise S4.
func TestDamagedStarts(t *testing.T) {
	dir := t.TempDir()
	if _, err := beginStart(dir); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, startsFile)
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for at := range whole {
		damaged := append([]byte(nil), whole...)
		damaged[at] ^= 0x01
		if err = os.WriteFile(path, damaged, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err = beginStart(dir); err == nil {
			t.Errorf("a flipped bit in byte %d (%q) is not found", at, whole[at])
		}
	}
}
