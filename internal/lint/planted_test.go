package lint

import (
	"path"
	"regexp"
	"strings"
	"testing"

	"github.com/conclavehq/conclave/internal/planted"
)

var plantedTag = regexp.MustCompile(`\bmutant_[0-9a-z]+`)

// TestNoReleaseIsPlanted: what is built for users has none of the bugs that the fault
// harness plants, so no file that builds anything may name one of their tags, and no
// product code but the package that has the constant may depend on one.
func TestNoReleaseIsPlanted(t *testing.T) {
	if planted.Bug != planted.None {
		t.Errorf("these tests are built with %v planted", planted.Bug)
	}
	r := checkout(t)
	for _, name := range r.files {
		if within(path.Dir(name), []string{"internal/planted"}) {
			continue
		}
		text, err := r.read(name)
		if err != nil {
			t.Fatal(err)
		}
		if builds(name) {
			if tag := plantedTag.Find(text); tag != nil {
				t.Errorf("%s names the build tag %s: what it builds would have a bug on purpose", name, tag)
			}
		}
		if path.Ext(name) != ".go" {
			continue
		}
		for line := range strings.Lines(string(text)) {
			if strings.HasPrefix(line, "//go:build") && plantedTag.MatchString(line) {
				t.Errorf("%s is built with a plant only; plants compare planted.Bug, so that every build checks their code", name)
			}
		}
	}
}

// builds reports whether a file says how something is built.
func builds(name string) bool {
	base := path.Base(name)
	switch path.Ext(name) {
	case ".mk", ".sh", ".yaml", ".yml", ".service":
		return true
	}
	return base == "Makefile" || strings.HasPrefix(base, "Dockerfile") || strings.HasPrefix(name, ".ci/") || strings.HasPrefix(name, ".github/")
}
