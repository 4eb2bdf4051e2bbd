//go:build linux

package rig

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// binary is the program under test.
var binary string

func TestMain(m *testing.M) {
	Enter()
	code, err := run(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

// run builds the program unless CONCLAVE_TEST_BINARY names one, and runs the tests.
func run(m *testing.M) (int, error) {
	if binary = os.Getenv("CONCLAVE_TEST_BINARY"); binary != "" || Capable() != nil {
		return m.Run(), nil
	}
	dir, err := os.MkdirTemp("", "conclave-rig-")
	if err != nil {
		return 0, err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	binary = filepath.Join(dir, "conclave")
	if err := Build(context.Background(), binary); err != nil {
		return 0, err
	}
	return m.Run(), nil
}

// start starts a cluster that ends with the test.
func start(t testing.TB, cfg Config) *Cluster {
	t.Helper()
	if err := Capable(); err != nil {
		t.Skip(err)
	}
	cfg.Binary, cfg.Dir = binary, t.TempDir()
	if cfg.Nodes == 0 {
		cfg.Nodes = 3
	}
	c, err := Start(within(t, 2*time.Minute), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(func() {
		for _, n := range c.Nodes() {
			if t.Failed() {
				t.Logf("what %s logged last: %q", n.Name(), n.LastLog(20))
			}
		}
	})
	return c
}

// within is the test's context with a bound.
func within(t testing.TB, d time.Duration) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), d)
	t.Cleanup(cancel)
	return ctx
}

// must fails the test if there is an error.
func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
