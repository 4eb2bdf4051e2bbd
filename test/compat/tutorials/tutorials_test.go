package tutorials

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/conclavehq/conclave/test/compat/rig"
	"github.com/conclavehq/conclave/test/compat/transcript"
)

// nodes is how many addresses a tutorial may use: $CLIENT1 and $PEER1 for the first
// node, where an introduction has 127.0.0.1:2379 and 127.0.0.1:2380, and so on.
const nodes = 3

// etcdByName is etcd under the name of conclave.
const etcdByName = `#!/usr/bin/env bash
shift # server
for name in "${!CONCLAVE_@}"; do export "ETCD_${name#CONCLAVE_}=${!name}"; done
exec %etcd% "$@"
`

func TestTutorials(t *testing.T) {
	for _, path := range tutorials(t, "etcd") {
		t.Run(name(path), func(t *testing.T) {
			t.Parallel()
			rig.Each(t, func(t *testing.T, kind rig.Program) { run(t, kind, path) })
		})
	}
}

// The keys API of the first introductions, as they print its answers.
func TestV2(t *testing.T) {
	for _, path := range tutorials(t, "v2") {
		t.Run(name(path), func(t *testing.T) {
			t.Parallel()
			run(t, rig.Conclave, path)
		})
	}
}

func tutorials(t *testing.T, dir string) []string {
	t.Helper()
	if _, err := exec.LookPath("curl"); err != nil {
		t.Skip("curl is not installed")
	}
	paths, err := filepath.Glob(filepath.Join("testdata", dir, "*.txt"))
	if err != nil || len(paths) == 0 {
		t.Fatalf("no tutorials: %v", err)
	}
	return paths
}

func name(path string) string { return strings.TrimSuffix(filepath.Base(path), ".txt") }

func run(t *testing.T, kind rig.Program, path string) {
	env := append(rig.Environment(), "PATH="+programs(t, kind)+":"+os.Getenv("PATH"))
	names := transcript.Names{}
	for i, address := range rig.Addresses(t, 2*nodes) {
		word := [2]string{"CLIENT", "PEER"}[i/nodes] + strconv.Itoa(i%nodes+1)
		env = append(env, word+"="+address)
		names[address] = word
	}
	transcript.Session{Env: env, Names: names, Model: kind == rig.Etcd || filepath.Base(filepath.Dir(path)) == "v2"}.Run(t, path)
}

// programs is a directory with conclave, or what is under its name, and etcdctl.
func programs(t *testing.T, kind rig.Program) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.Symlink(rig.Etcdctl.Path(t), filepath.Join(dir, "etcdctl")); err != nil {
		t.Fatal(err)
	}
	conclave := filepath.Join(dir, "conclave")
	if kind == rig.Conclave {
		if err := os.Symlink(rig.Conclave.Path(t), conclave); err != nil {
			t.Fatal(err)
		}
		return dir
	}
	script := strings.ReplaceAll(etcdByName, "%etcd%", rig.Etcd.Path(t))
	if err := os.WriteFile(conclave, []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	return dir
}
