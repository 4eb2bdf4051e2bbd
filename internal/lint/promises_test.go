package lint

import (
	"path"
	"regexp"
	"strings"
	"testing"
)

var (
	promise = regexp.MustCompile(`(?m)^- \*\*([A-Z]\d+)\*\* `)
	// citation is what stands between the word and the next full stop, colon or
	// line: "Promises D1, D4 and R2", "Promise D3, guarantees K3 and K4".
	citation = regexp.MustCompile(`(?i)\b(?:promise|guarantee)s? [^.:\n]*`)
	number   = regexp.MustCompile(`\b[A-Z]\d+\b`)
)

// TestPromisesAreTested: a promise that no test cites is a wish.
func TestPromisesAreTested(t *testing.T) {
	r := checkout(t)
	cited := make(map[string]bool)
	for _, name := range r.files {
		if !strings.HasSuffix(name, "_test.go") && !strings.Contains(name, "/testdata/") || path.Dir(name) == "internal/lint" {
			continue
		}
		for _, sentence := range citation.FindAllString(mustRead(t, r, name), -1) {
			for _, n := range number.FindAllString(sentence, -1) {
				cited[n] = true
			}
		}
	}
	given := make(map[string]string) // by number, the page that gives it
	for _, page := range r.files {
		if page != "docs/promises.md" && path.Dir(page) != "docs/recipes" {
			continue
		}
		for _, m := range promise.FindAllStringSubmatch(mustRead(t, r, page), -1) {
			if given[m[1]] != "" {
				t.Errorf("%s: %s is a promise of %s already", page, m[1], given[m[1]])
			}
			given[m[1]] = page
			if !cited[m[1]] {
				t.Errorf("%s: no test cites %s; write the test, or name it where one holds it (`// Promise %s`)", page, m[1], m[1])
			}
		}
	}
	for n := range cited {
		if given[n] == "" {
			t.Errorf("a test cites %s, which no page promises", n)
		}
	}
}
