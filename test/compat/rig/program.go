package rig

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
)

// Program is a command that is built for the tests.
type Program string

// The programs, by the package that they are built from. go.mod pins them.
const (
	Conclave Program = "github.com/conclavehq/conclave/cmd/conclave"
	Etcd     Program = "go.etcd.io/etcd/server/v3"
	Etcdctl  Program = "go.etcd.io/etcd/etcdctl/v3"
)

// binaryVariable names a conclave binary to test instead of the one that is built
// from this checkout.
const binaryVariable = "CONCLAVE_TEST_BINARY"

var programs sync.Map // of Program to func() (string, error)

// Path builds the program, unless the go command has it in its cache, and returns
// where it is.
func (p Program) Path(t testing.TB) string { return p.PathIn(t, ".") }

// PathIn is Path for a program that another module has, whose directory is given.
func (p Program) PathIn(t testing.TB, dir string) string {
	t.Helper()
	find, _ := programs.LoadOrStore(p, sync.OnceValues(func() (string, error) { return p.build(dir) }))
	path, err := find.(func() (string, error))()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

func (p Program) build(dir string) (string, error) {
	if path := os.Getenv(binaryVariable); path != "" && p == Conclave {
		return path, nil
	}
	var complaint strings.Builder
	cmd := exec.Command("go", "tool", "-n", string(p))
	cmd.Dir, cmd.Stderr = dir, &complaint
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("building %s: %w\n%s", p, err, complaint.String())
	}
	return strings.TrimSpace(string(out)), nil
}
