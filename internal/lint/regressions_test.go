package lint

import (
	"path"
	"regexp"
	"strings"
	"testing"
)

var (
	// ofPackage is what a row of the table says of one package: "`cluster` TestOne,
	// …Two"; what follows the dots is the end of a name.
	ofPackage  = regexp.MustCompile("`([a-z/]+)` (Test[^`;|]*)")
	footnote   = regexp.MustCompile(` [¹²³⁴⁵⁶⁷⁸⁹]`)
	tests      = regexp.MustCompile(`(?m)^func (Test[A-Z]\w+)\(`)
	regression = regexp.MustCompile(`^TestRegression[A-Z]`)
)

// TestRegressionsAreListed: the page that says which test would find which bug names
// tests that are there, and all that are called regressions.
func TestRegressionsAreListed(t *testing.T) {
	const page = "docs/regressions.md"
	r := checkout(t)
	listed := make(map[string]map[string]bool) // by package, test; false until it was named
	for _, name := range r.files {
		if !strings.HasSuffix(name, "_test.go") {
			continue
		}
		dir := path.Dir(name)
		for _, m := range tests.FindAllStringSubmatch(mustRead(t, r, name), -1) {
			if listed[dir] == nil {
				listed[dir] = make(map[string]bool)
			}
			listed[dir][m[1]] = false
		}
	}
	rows := ofPackage.FindAllStringSubmatch(footnote.ReplaceAllString(mustRead(t, r, page), ""), -1)
	if len(rows) < 30 {
		t.Errorf("%s has %d tests in its tables, which is not how they are written", page, len(rows))
	}
	for _, m := range rows {
		for _, named := range strings.Split(m[2], ",") {
			named = strings.TrimSpace(named)
			end, short := strings.CutPrefix(named, "…")
			found := false
			for test := range listed[m[1]] {
				if test == named || short && strings.HasSuffix(test, end) {
					found, listed[m[1]][test] = true, true
				}
			}
			if !found {
				t.Errorf("%s: %s has no %s", page, m[1], named)
			}
		}
	}
	for dir, all := range listed {
		for test, named := range all {
			if !named && regression.MatchString(test) {
				t.Errorf("%s: it does not name %s of %s, nor the bug", page, test, dir)
			}
		}
	}
}
