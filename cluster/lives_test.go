package cluster

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/conclavehq/conclave/cluster/transport"
)

// A peer that comes back with an old copy of its data is told apart from one that
// was only restarted, also by a node that was itself restarted in between.
//
// Promise S2.
func TestOldCopyIsRefused(t *testing.T) {
	peerDir, copied, dir := t.TempDir(), t.TempDir(), t.TempDir()
	start := func(dir string) transport.Hello {
		t.Helper()
		l, err := beginLife(dir)
		if err != nil {
			t.Fatal(err)
		}
		return transport.Hello{Name: "n2", Incarnation: 7, Life: l.count, Lives: l.nonces}
	}
	node := func() *lives {
		t.Helper()
		l, err := beginLife(dir)
		if err != nil {
			t.Fatal(err)
		}
		return l
	}
	first := start(peerDir)
	if err := node().judge(first); err != nil {
		t.Fatal(err)
	}
	if err := os.CopyFS(copied, os.DirFS(peerDir)); err != nil {
		t.Fatal(err)
	}
	second := start(peerDir)
	if err := node().judge(second); err != nil {
		t.Errorf("a restart is refused: %v", err)
	}
	if err := node().judge(second); err != nil {
		t.Errorf("the same life is refused the second time: %v", err)
	}

	old, again := start(copied), start(copied)
	if old.Life != second.Life {
		t.Fatalf("the copy is in start %d, not %d", old.Life, second.Life)
	}
	for _, hello := range []transport.Hello{old, again, first} {
		err := node().judge(hello)
		if err == nil || errors.Is(err, transport.ErrNotYet) || !strings.Contains(err.Error(), "conclave member replace n2") {
			t.Errorf("start %d of a copy: %v", hello.Life, err)
		}
	}
	third := start(peerDir)
	_ = start(peerDir)
	if err := node().judge(third); err != nil {
		t.Errorf("a restart is refused: %v", err)
	}
	if err := node().judge(start(peerDir)); err != nil {
		t.Errorf("a restart that the other node did not see is refused: %v", err)
	}
	for range 100 { // a process that a supervisor starts again and again
		l, err := beginLife(copied)
		if err != nil {
			t.Fatal(err)
		}
		l.withdraw()
	}
	if err := node().judge(start(copied)); err == nil {
		t.Error("a copy passes after a hundred starts that were refused")
	}
	replaced := old
	replaced.Incarnation = 8
	if err := node().judge(replaced); err != nil {
		t.Errorf("another directory, which the node table admits, is refused: %v", err)
	}
	if err := node().judge(transport.Hello{Name: "n2"}); err != nil {
		t.Errorf("a node of the version before is refused: %v", err)
	}
}

// The file of earlier starts is never guessed.
//
// Promise S4.
func TestDamagedLives(t *testing.T) {
	dir := t.TempDir()
	if _, err := beginLife(dir); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, livesFile)
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
		if _, err = beginLife(dir); err == nil {
			t.Errorf("a flipped bit in byte %d (%q) is not found", at, whole[at])
		}
	}
}
