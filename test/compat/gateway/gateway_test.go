package gateway

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/conclavehq/conclave/test/compat/rig"
	"github.com/conclavehq/conclave/test/compat/transcript"
)

// The same requests have the same bodies and codes for answers.
func TestGateway(t *testing.T) {
	for _, path := range transcripts(t, "testdata/*.txt") {
		t.Run(name(path), func(t *testing.T) {
			t.Parallel()
			t.Run("etcd", func(t *testing.T) { run(t, rig.Start(t, rig.Etcd, 1).Nodes[0], path, true) })
			onConclave(t, path, false)
		})
	}
}

// What Conclave answers in its own way.
func TestConclave(t *testing.T) {
	for _, path := range transcripts(t, "testdata/conclave/*.txt") {
		t.Run(name(path), func(t *testing.T) {
			t.Parallel()
			onConclave(t, path, true)
		})
	}
}

func transcripts(t *testing.T, pattern string) []string {
	t.Helper()
	if _, err := exec.LookPath("curl"); err != nil {
		t.Skip("curl is not installed")
	}
	paths, err := filepath.Glob(pattern)
	if err != nil || len(paths) == 0 {
		t.Fatalf("no transcripts: %v", err)
	}
	return paths
}

func name(path string) string { return strings.TrimSuffix(filepath.Base(path), ".txt") }

// onConclave runs a transcript on each of the ports.
func onConclave(t *testing.T, path string, model bool) {
	t.Run("conclave", func(t *testing.T) { run(t, rig.Start(t, rig.Conclave, 1).Nodes[0], path, model) })
	t.Run("conclave's client port", func(t *testing.T) {
		n := rig.Start(t, rig.Conclave, 1).Nodes[0]
		n.Endpoint, n.Site = n.Site, n.Endpoint
		run(t, n, path, false)
	})
}

// run runs a transcript on a server, whose URL is $SERVER.
func run(t *testing.T, n *rig.Node, path string, model bool) {
	names := transcript.Names{n.Endpoint: "NODE1", n.Peer: "PEER1"}
	names[n.Site] = "NODE1" // which may be the same
	transcript.Session{
		Env:   append(rig.Environment(), "SERVER=http://"+n.Endpoint),
		Names: names,
		Model: model,
	}.Run(t, path)
}
