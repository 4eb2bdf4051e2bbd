package cluster

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
)

// An identity file that is read is the same when it is written again; any other is
// refused, and nothing of it is used.
func FuzzIdentity(f *testing.F) {
	golden, err := os.ReadFile(filepath.Join("testdata", "identity-v1"))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(golden)
	f.Add([]byte("conclave-identity 1 00000000\n{}"))
	f.Add([]byte("conclave-identity 99999999999999999999 ffffffffff\n"))
	f.Add(bytes.Replace(golden, []byte("{"), []byte("["), 1))
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, data []byte) {
		if err := os.WriteFile(filepath.Join(dir, identityFile), data, 0o600); err != nil {
			t.Fatal(err)
		}
		id, err := loadIdentity(dir)
		if err != nil {
			if id != nil {
				t.Fatalf("%q is refused, and read as %+v", data, id)
			}
			return
		}
		mustRoundTrip(t, dir, id)
	})
}

// The content of the file alone, under a sum that is right.
func FuzzIdentityBody(f *testing.F) {
	f.Add([]byte(`{"cluster_id":1,"members":["a"],"data_shards":[2]}`))
	f.Add([]byte(`{"replica_id":-1}`))
	f.Add([]byte(`null`))
	f.Add([]byte(`{"members":null,"name":"\ud800"}`))
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, body []byte) {
		if err := os.WriteFile(filepath.Join(dir, identityFile), seal("conclave-identity", identityVersion, body), 0o600); err != nil {
			t.Fatal(err)
		}
		id, err := loadIdentity(dir)
		if err != nil {
			return
		}
		_ = id.shards()
		_ = id.check(&Config{Name: "a", Dir: dir})
		mustRoundTrip(t, dir, id)
	})
}

func mustRoundTrip(t *testing.T, dir string, id *identity) {
	t.Helper()
	if err := id.save(dir); err != nil {
		t.Fatal(err)
	}
	first, _ := os.ReadFile(filepath.Join(dir, identityFile))
	again, err := loadIdentity(dir)
	if err != nil {
		t.Fatalf("what was written cannot be read: %v", err)
	}
	if err := again.save(dir); err != nil {
		t.Fatal(err)
	}
	if second, _ := os.ReadFile(filepath.Join(dir, identityFile)); !bytes.Equal(first, second) {
		t.Fatalf("%s was written as %s", first, second)
	}
}
