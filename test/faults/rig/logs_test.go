//go:build linux

package rig

import (
	"os"
	"path/filepath"
	"testing"
)

// A program that says nothing is said to have said nothing.
func TestLastLog(t *testing.T) {
	n := &Node{logPath: filepath.Join(t.TempDir(), "n1.log")}
	for _, c := range []struct {
		text, want string
		lines      int
	}{
		{"", "it logged nothing", 0},
		{"\n", "it logged nothing", 0},
		{"a\nb\nc\n", "its log ends with:\nb\nc", 2},
	} {
		if err := os.WriteFile(n.logPath, []byte(c.text), 0o600); err != nil {
			t.Fatal(err)
		}
		if got := n.lastLog(2); got != c.want || len(n.LastLog(2)) != c.lines {
			t.Errorf("%q: %q", c.text, got)
		}
	}
	if got := (&Node{logPath: n.logPath + "-missing"}).lastLog(2); got != "it logged nothing" {
		t.Errorf("no log: %q", got)
	}
}
