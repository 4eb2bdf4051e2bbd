package lint

import (
	"bytes"
	"path"
	"regexp"
	"strings"
	"testing"
)

// machinePath matches directories that exist on somebody's machine only.
var machinePath = regexp.MustCompile(`(^|[^A-Za-z0-9_./~-])/(?:work|root|farm|home/[a-z]+|Users/[A-Za-z]+)/`)

// TestNoMachinePaths: the repository works wherever it was cloned to.
func TestNoMachinePaths(t *testing.T) {
	r := checkout(t)
	for _, name := range r.files {
		if path.Dir(name) == "internal/lint" {
			continue // spells them
		}
		text, err := r.read(name)
		if err != nil {
			t.Fatal(err)
		}
		if bytes.IndexByte(text, 0) >= 0 {
			continue // binary
		}
		for i, line := range strings.Split(string(text), "\n") {
			if machinePath.MatchString(line) {
				t.Errorf("%s:%d: a path of one machine: %s", name, i+1, strings.TrimSpace(line))
			}
		}
	}
}

var (
	link  = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	fence = regexp.MustCompile("(?ms)^```.*?^```")
)

// TestDocumentLinks: links lead to files that are there.
func TestDocumentLinks(t *testing.T) {
	r := checkout(t)
	for _, name := range r.files {
		if path.Ext(name) != ".md" {
			continue
		}
		text, err := r.read(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range link.FindAllStringSubmatch(fence.ReplaceAllString(string(text), ""), -1) {
			target, _, _ := strings.Cut(m[1], "#")
			if target == "" || strings.Contains(target, ":") {
				continue // within the page, or another site
			}
			if !r.has(path.Join(path.Dir(name), target)) {
				t.Errorf("%s: the link to %s leads nowhere", name, m[1])
			}
		}
	}
}

// TestLockFiles: an address in a lock file ties every clone to one registry.
func TestLockFiles(t *testing.T) {
	r := checkout(t)
	for _, name := range r.files {
		if path.Base(name) != "package-lock.json" {
			continue
		}
		text, err := r.read(name)
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Contains(text, []byte(`"resolved"`)) {
			t.Errorf("%s records registry addresses; install with omit-lockfile-registry-resolved=true", name)
		}
	}
}
