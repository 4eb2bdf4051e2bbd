package etcdctl

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/conclavehq/conclave/test/compat/rig"
	"github.com/conclavehq/conclave/test/compat/transcript"
)

// One node answers etcdctl as etcd does.
func TestOneNode(t *testing.T) {
	eachTranscript(t, "one", 1)
}

// So do three.
func TestThreeNodes(t *testing.T) {
	eachTranscript(t, "three", 3)
}

// What Conclave answers in its own way.
func TestConclave(t *testing.T) {
	for _, path := range transcripts(t, "conclave") {
		t.Run(name(path), func(t *testing.T) {
			t.Parallel()
			run(t, rig.Conclave, 1, path)
		})
	}
}

func eachTranscript(t *testing.T, dir string, nodes int) {
	for _, path := range transcripts(t, dir) {
		t.Run(name(path), func(t *testing.T) {
			t.Parallel()
			rig.Each(t, func(t *testing.T, kind rig.Program) { run(t, kind, nodes, path) })
		})
	}
}

// transcripts are the files of a directory with any.
func transcripts(t *testing.T, dir string) []string {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join("testdata", dir, "*.txt"))
	if err != nil {
		t.Fatal(err)
	}
	if len(paths) == 0 {
		t.Fatalf("there is no transcript in %s", dir)
	}
	return paths
}

func name(path string) string { return strings.TrimSuffix(filepath.Base(path), ".txt") }

// run runs a transcript on new servers. $NODE1, $NODE2, … are their addresses;
// etcdctl knows the one when there is only one.
func run(t *testing.T, kind rig.Program, nodes int, path string) {
	c := rig.Start(t, kind, nodes)
	names := transcript.Names{t.TempDir(): "DIR"}
	tools := t.TempDir()
	if err := os.Symlink(rig.Etcdctl.Path(t), filepath.Join(tools, "etcdctl")); err != nil {
		t.Fatal(err)
	}
	env := append(rig.Environment(), "PATH="+tools+":"+os.Getenv("PATH"), "ALL="+strings.Join(c.Endpoints(), ","))
	if nodes == 1 { // etcdctl refuses to be told twice
		env = append(env, "ETCDCTL_ENDPOINTS="+c.Nodes[0].Endpoint)
	}
	for i, n := range c.Nodes {
		word := "NODE" + strconv.Itoa(i+1)
		env = append(env, word+"="+n.Endpoint)
		names[n.Site], names[n.Endpoint], names[n.Peer] = word, word, "PEER"+strconv.Itoa(i+1)
	}
	transcript.Session{Env: env, Names: names, Model: kind == rig.Etcd || filepath.Base(filepath.Dir(path)) == "conclave"}.Run(t, path)
}
