package damage

import (
	"bytes"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// original is a file as the Raft log has them: records, then room for more.
func original() []byte {
	content := make([]byte, 64<<10)
	for i := range 20_001 {
		content[i] = byte(i%255) + 1
	}
	return content
}

// Each way to damage a file does what its wound says, no more and no less, and a
// seed repeats it.
func TestWounds(t *testing.T) {
	for how, do := range map[string]func(*rand.Rand, string) (Wound, error){
		"flip": Flip, "truncate": Truncate, "zero": Zero, "torn": Torn,
	} {
		t.Run(how, func(t *testing.T) {
			for seed := range uint64(50) {
				first, wound := wounded(t, do, seed)
				again, _ := wounded(t, do, seed)
				if !bytes.Equal(first, again) {
					t.Fatalf("seed %d does not repeat %v", seed, wound)
				}
				before := original()
				if wound.Length < 1 || wound.Offset > 20_000 {
					t.Fatalf("%v misses what is there", wound)
				}
				end := min(int(wound.Offset+wound.Length), len(first))
				if bytes.Equal(first, before) ||
					!bytes.Equal(first[:wound.Offset], before[:wound.Offset]) ||
					!bytes.Equal(first[end:], before[end:len(first)]) {
					t.Fatalf("%v is not what happened", wound)
				}
				if how != "truncate" && len(first) != len(before) {
					t.Fatalf("%v changed the size to %d", wound, len(first))
				}
			}
		})
	}
}

func wounded(t *testing.T, do func(*rand.Rand, string) (Wound, error), seed uint64) ([]byte, Wound) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "file")
	ok(t, os.WriteFile(path, original(), 0o600))
	wound, err := do(rand.New(rand.NewPCG(seed, 1)), path)
	ok(t, err)
	content, err := os.ReadFile(path)
	ok(t, err)
	return content, wound
}

func TestEmptyFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	ok(t, os.WriteFile(path, make([]byte, 100), 0o600))
	if wound, err := Flip(rand.New(rand.NewPCG(1, 1)), path); err == nil {
		t.Errorf("%v, in a file of zeros", wound)
	}
}

// A copy is what it was made from, and brings it back.
func TestCopyRestoreWipe(t *testing.T) {
	dir, kept := filepath.Join(t.TempDir(), "data"), filepath.Join(t.TempDir(), "copy")
	path := filepath.Join(dir, "sm", "1-1", "db-1", "MANIFEST-000001")
	ok(t, os.MkdirAll(filepath.Dir(path), 0o700))
	ok(t, os.WriteFile(path, original(), 0o600))
	ok(t, os.WriteFile(filepath.Join(dir, "identity"), []byte("me"), 0o600))
	ok(t, Copy(dir, kept))
	if err := Copy(dir, kept); err == nil {
		t.Error("a copy went over another one")
	}
	ok(t, os.WriteFile(filepath.Join(dir, "later"), nil, 0o600))
	if _, err := Truncate(rand.New(rand.NewPCG(1, 1)), path); err != nil {
		t.Error(err)
	}
	ok(t, Restore(kept, dir))
	content, err := os.ReadFile(path)
	ok(t, err)
	if _, err := os.Stat(filepath.Join(dir, "later")); err == nil || !bytes.Equal(content, original()) {
		t.Error("the directory is not as it was when it was copied")
	}
	for kind, want := range map[Kind]string{StateManifest: path, Identity: filepath.Join(dir, "identity")} {
		files, err := Files(dir, kind)
		ok(t, err)
		if !slices.Equal(files, []string{want}) {
			t.Errorf("%s: %v, want %s", kind, files, want)
		}
	}
	ok(t, Wipe(dir))
	if _, err := Pick(rand.New(rand.NewPCG(1, 1)), dir, Identity); err == nil {
		t.Error("there is an identity after Wipe")
	}
}

func ok(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
