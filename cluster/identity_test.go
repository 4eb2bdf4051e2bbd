package cluster

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// The identity file of every version that was ever released can be read, and
// what it says of a cluster stays what it was: other nodes compute the same.
// Promise S4
func TestIdentityFormat(t *testing.T) {
	want := identity{
		ClusterID:   clusterID("token", []string{"a", "b", "c"}),
		Members:     []string{"a", "b", "c"},
		Token:       "token",
		Name:        "b",
		Incarnation: 0xfedcba9876543210,
		Generation:  2,
		ReplicaID:   4,
		DataShards:  []uint64{2, 4},
		Join:        true,
		Complete:    true,
	}
	golden, err := os.ReadFile("testdata/identity-v1")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := want.save(dir); err != nil {
		t.Fatal(err)
	}
	written, err := os.ReadFile(filepath.Join(dir, identityFile))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(golden), string(written)); diff != "" {
		t.Errorf("written (-golden +got):\n%s", diff)
	}
	got, err := loadIdentity(dir)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(&want, got); diff != "" {
		t.Errorf("read (-want +got):\n%s", diff)
	}
}

// These are in every log and on every disk, so they may never change.
// Promise S4
func TestDerivedIDs(t *testing.T) {
	for _, c := range []struct{ what, got, want string }{
		{"cluster id", formatID(clusterID("conclave", []string{"a", "b", "c"})), "be83e1bba7cb7c8d"},
		{"NodeHostID", nodeHostID(1, "a", 1), "589f4699-3b57-5acc-9188-052d7318d923"},
		{"NodeHostID of the next generation", nodeHostID(1, "a", 2), "89b43def-611d-5eaf-b20e-003a36b9a5d3"},
	} {
		if c.got != c.want {
			t.Errorf("%s is %s, want %s", c.what, c.got, c.want)
		}
	}
	if clusterID("t", []string{"ab", "c"}) == clusterID("t", []string{"a", "bc"}) {
		t.Error("clusters of different members have one id")
	}
}

// Another format is not guessed at.
func TestIdentityOfTheFuture(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, identityFile), []byte("conclave-identity 2 00000000\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if id, err := loadIdentity(dir); err == nil {
		t.Errorf("read %+v from a file of format 2", id)
	}
}
