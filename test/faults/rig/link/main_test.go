//go:build linux

package link

import (
	"os"
	"testing"
)

func TestMain(m *testing.M) {
	Enter()
	os.Exit(m.Run())
}

// network makes a network that ends with the test.
func network(t testing.TB, nodes ...string) *Network {
	t.Helper()
	if err := Capable(); err != nil {
		t.Skip(err)
	}
	n, err := New(Config{Nodes: nodes, Seed: 7})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := n.Close(); err != nil {
			t.Error(err)
		}
	})
	return n
}
