package planted

import (
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// alive has each plant shown to be one, by a test that must fail. That compiles most
// of the repository once for each of them.
var alive = flag.Bool("alive", false, "run, for each plant, the test that fails because of it")

// A build without a tag has no bug, and each tag has its file and its place in All.
func TestEveryTagIsListed(t *testing.T) {
	if Bug != None {
		t.Skip("this build has a bug on purpose")
	}
	files, err := filepath.Glob("mutant_*.go")
	if err != nil {
		t.Fatal(err)
	}
	if len(files) != len(All) {
		t.Errorf("%d files and %d plants", len(files), len(All))
	}
	none, err := os.ReadFile("none.go")
	if err != nil {
		t.Fatal(err)
	}
	for i, p := range All {
		if p.Bug != ID(i+1) {
			t.Errorf("%s is out of order", p.Tag)
		}
		if !hasTest(t, p.Package, p.Test) {
			t.Errorf("%s: %s has no %s", p.Tag, p.Package, p.Test)
		}
		if p.Name == "" || p.Fault == "" || p.Workloads == "" || p.Checker == "" || p.Package == "" || p.Test == "" {
			t.Errorf("%s: something is not said", p.Tag)
		}
		text, err := os.ReadFile(p.Tag + ".go")
		if err != nil || !strings.HasPrefix(string(text), "//go:build "+p.Tag+"\n") {
			t.Errorf("%s has no file of its own: %v", p.Tag, err)
		}
		if !strings.Contains(string(none), "!"+p.Tag) {
			t.Errorf("none.go does not leave %s out", p.Tag)
		}
	}
}

// hasTest tells whether a package of the module has a test.
func hasTest(t *testing.T, pkg, test string) bool {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("..", "..", pkg, "*_test.go"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(text), "\nfunc "+test+"(") {
			return true
		}
	}
	return false
}

// A test that was renamed is noticed.
func TestHasTest(t *testing.T) {
	if !hasTest(t, "./internal/planted", "TestHasTest") || hasTest(t, "./internal/planted", "TestHas") {
		t.Error("tests are not found by their names")
	}
}

// With -alive: in a build with a plant, the test that it names fails.
func TestPlantsAreAlive(t *testing.T) {
	if !*alive {
		t.Skip("takes minutes; run it with -alive")
	}
	for _, p := range All {
		t.Run(p.Tag, func(t *testing.T) {
			cmd := exec.CommandContext(t.Context(), "go", "test", "-count=1", "-timeout=2m",
				"-tags", p.Tag, "-run", "^"+p.Test+"$", p.Package)
			cmd.Dir = filepath.Join("..", "..")
			out, err := cmd.CombinedOutput()
			if err == nil || !strings.Contains(string(out), "--- FAIL: "+p.Test) {
				t.Errorf("%s does not fail: %v\n%s", p.Test, err, out)
			}
		})
	}
}
