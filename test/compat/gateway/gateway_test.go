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
	if _, err := exec.LookPath("curl"); err != nil {
		t.Skip("curl is not installed")
	}
	paths, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(paths) == 0 {
		t.Fatalf("no transcripts: %v", err)
	}
	for _, path := range paths {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txt"), func(t *testing.T) {
			t.Parallel()
			t.Run("etcd", func(t *testing.T) { run(t, rig.Start(t, rig.Etcd, 1).Nodes[0], path) })
			t.Run("conclave", func(t *testing.T) { run(t, rig.Start(t, rig.Conclave, 1).Nodes[0], path) })
			t.Run("conclave's client port", func(t *testing.T) {
				n := rig.Start(t, rig.Conclave, 1).Nodes[0]
				n.Endpoint, n.Site = n.Site, n.Endpoint
				run(t, n, path)
			})
		})
	}
}

// run runs a transcript on a server, whose URL is $SERVER.
func run(t *testing.T, n *rig.Node, path string) {
	names := transcript.Names{n.Endpoint: "NODE1", n.Peer: "PEER1"}
	names[n.Site] = "NODE1" // which may be the same
	transcript.Session{
		Env:   append(rig.Environment(), "SERVER=http://"+n.Endpoint),
		Names: names,
		Model: strings.HasSuffix(t.Name(), "/etcd"),
	}.Run(t, path)
}
