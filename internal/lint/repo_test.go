package lint

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
)

const module = "github.com/conclavehq/conclave"

// repo is the checkout as the rules see it: committed files and those about to be.
type repo struct {
	root   string
	files  []string // slash-separated, relative to root
	fset   *token.FileSet
	source []*source // hand-written Go, tests included
}

// source is one hand-written Go file.
type source struct {
	path string // relative to the root
	dir  string
	test bool
	ast  *ast.File
}

var loadOnce = sync.OnceValues(load)

func checkout(t *testing.T) *repo {
	t.Helper()
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("git is not installed, so there is no telling which files belong to the repository")
	}
	r, err := loadOnce()
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func load() (*repo, error) {
	root, err := output("git", "rev-parse", "--show-toplevel")
	if err != nil {
		return nil, err
	}
	r := &repo{root: strings.TrimSpace(string(root)), fset: token.NewFileSet()}
	listed, err := output("git", "-C", r.root, "ls-files", "-z", "--cached", "--others", "--exclude-standard")
	if err != nil {
		return nil, err
	}
	seen := make(map[string]bool)
	for name := range strings.SplitSeq(string(listed), "\x00") {
		if name == "" || seen[name] || !r.has(name) {
			continue // the index also lists what was just deleted
		}
		seen[name] = true
		r.files = append(r.files, name)
		if err := r.parse(name); err != nil {
			return nil, err
		}
	}
	return r, nil
}

func (r *repo) parse(name string) error {
	if path.Ext(name) != ".go" || strings.Contains(name, "testdata/") {
		return nil
	}
	text, err := r.read(name)
	if err != nil {
		return err
	}
	file, err := parser.ParseFile(r.fset, name, text, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		return err
	}
	if !ast.IsGenerated(file) {
		r.source = append(r.source, &source{
			path: name,
			dir:  path.Dir(name),
			test: strings.HasSuffix(name, "_test.go"),
			ast:  file,
		})
	}
	return nil
}

func (r *repo) read(name string) ([]byte, error) {
	return os.ReadFile(filepath.Join(r.root, filepath.FromSlash(name)))
}

// has tells whether a file or directory is there.
func (r *repo) has(name string) bool {
	_, err := os.Stat(filepath.Join(r.root, filepath.FromSlash(name)))
	return err == nil
}

// product yields the hand-written Go files that end up in somebody's binary.
func (r *repo) product() []*source {
	var files []*source
	for _, s := range r.source {
		if !s.test {
			files = append(files, s)
		}
	}
	return files
}

// at formats a position as file:line.
func (r *repo) at(n ast.Node) string {
	p := r.fset.Position(n.Pos())
	return fmt.Sprintf("%s:%d", p.Filename, p.Line)
}

func (r *repo) line(pos token.Pos) int { return r.fset.Position(pos).Line }

// imports maps the name by which a file knows each package to its path.
func (s *source) imports() map[string]string {
	names := make(map[string]string)
	for _, spec := range s.ast.Imports {
		importPath := importPath(spec)
		name := path.Base(importPath)
		if spec.Name != nil {
			name = spec.Name.Name
		}
		names[name] = importPath
	}
	return names
}

func importPath(spec *ast.ImportSpec) string {
	p, _ := strconv.Unquote(spec.Path.Value) // the parser accepted it
	return p
}

// within tells whether a package directory or import path is matched by a
// pattern: itself, or with a trailing "/..." also everything below.
func within(name string, patterns []string) bool {
	for _, pattern := range patterns {
		tree, isTree := strings.CutSuffix(pattern, "/...")
		if name == tree || isTree && strings.HasPrefix(name, tree+"/") {
			return true
		}
	}
	return false
}

func output(name string, args ...string) ([]byte, error) {
	cmd := exec.Command(name, args...)
	var complaint bytes.Buffer
	cmd.Stderr = &complaint
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("%s: %w: %s", cmd, err, complaint.String())
	}
	return out, nil
}
