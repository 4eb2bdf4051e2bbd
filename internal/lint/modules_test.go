package lint

import (
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// ahead are requirements that nothing imports yet, with what they wait for.
var ahead = map[string]string{}

// requirement is a line of go.mod that names a module.
var requirement = regexp.MustCompile(`^\t(\S+) v\S+$`)

// TestDirectRequirements: go.mod names what is used, and a page says what for.
func TestDirectRequirements(t *testing.T) {
	r := checkout(t)
	modules, err := r.read("go.mod")
	if err != nil {
		t.Fatal(err)
	}
	page, err := r.read("docs/dependencies.md")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.SplitSeq(string(modules), "\n") {
		m := requirement.FindStringSubmatch(line)
		if m == nil {
			continue // indirect ones bear a comment
		}
		used := slices.ContainsFunc(r.files, func(name string) bool { return r.importsFrom(name, m[1]) })
		switch {
		case !used && ahead[m[1]] == "":
			t.Errorf("go.mod requires %s, which no package imports; drop it, or give the reason in internal/lint", m[1])
		case used && ahead[m[1]] != "":
			t.Errorf("%s is imported now; move it to the other requirements of go.mod and take it off the list in internal/lint", m[1])
		}
		if !strings.Contains(string(page), "`"+m[1]+"`") && !strings.HasPrefix(m[1], "github.com/knadh/koanf/") {
			t.Errorf("docs/dependencies.md does not say why %s is required", m[1])
		}
	}
}

// importsFrom tells whether a file of this module imports a package of another.
// Generated files count: they are compiled too.
func (r *repo) importsFrom(name, module string) bool {
	if !strings.HasSuffix(name, ".go") || strings.HasPrefix(name, "internal/lint/") {
		return false // this package spells import paths
	}
	for dir := path.Dir(name); dir != "."; dir = path.Dir(dir) {
		if r.has(dir + "/go.mod") {
			return false
		}
	}
	text, err := r.read(name)
	return err == nil && (strings.Contains(string(text), "\""+module+"\"") || strings.Contains(string(text), "\""+module+"/"))
}
