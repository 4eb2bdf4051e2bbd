package lint

import (
	"go/ast"
	"go/token"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// Limits, not targets: most files have less than 200 lines, most functions less
// than 50. A test may carry its table of cases inside.
const (
	maxFileLines     = 800
	maxFuncLines     = 100
	maxTestFuncLines = 160
)

func TestSizes(t *testing.T) {
	r := checkout(t)
	for _, s := range r.source {
		if lines := r.line(s.ast.FileEnd); lines > maxFileLines {
			t.Errorf("%s has %d lines; above %d nobody reads a file top-down", s.path, lines, maxFileLines)
		}
		limit := maxFuncLines
		if s.test {
			limit = maxTestFuncLines
		}
		for _, decl := range s.ast.Decls {
			f, ok := decl.(*ast.FuncDecl)
			if !ok {
				continue
			}
			if lines := r.line(f.End()) - r.line(f.Pos()) + 1; lines > limit {
				t.Errorf("%s: %s has %d lines; above %d a function does not fit in a head", r.at(f), f.Name.Name, lines, limit)
			}
		}
	}
}

// emptyNames say nothing about what is inside, so everything ends up there.
var emptyNames = map[string]bool{
	"util": true, "utils": true, "common": true, "helper": true, "helpers": true,
	"misc": true, "shared": true, "base": true, "lib": true,
}

var emptyType = regexp.MustCompile(`^\w+(Manager|Impl|Helper|Util)$`)

func TestNames(t *testing.T) {
	r := checkout(t)
	wrong := make(map[string]string)
	for _, s := range r.source {
		if emptyNames[strings.TrimSuffix(s.ast.Name.Name, "_test")] {
			wrong[s.dir] = s.ast.Name.Name
		}
		for n := range ast.Preorder(s.ast) {
			if spec, ok := n.(*ast.TypeSpec); ok && emptyType.MatchString(spec.Name.Name) {
				t.Errorf("%s: the name %s says how it is built, not what it owns", r.at(spec), spec.Name.Name)
			}
		}
	}
	for _, dir := range slices.Sorted(maps.Keys(wrong)) {
		t.Errorf("%s: a package %q has no subject, so everything would end up there; name it for what it provides", dir, wrong[dir])
	}
}

// TestNoSleepInTests: a test that sleeps is slow on a fast machine and wrong on a
// slow one. To receive from time.After and do nothing else is to sleep, but for tests
// whose time is that of testing/synctest.
func TestNoSleepInTests(t *testing.T) {
	r := checkout(t)
	for _, s := range r.source {
		if !s.test {
			continue
		}
		imports := s.imports()
		_, simulated := imports["synctest"]
		awaited := make(map[ast.Stmt]bool) // by a select, beside something else
		for n := range ast.Preorder(s.ast) {
			var selector *ast.SelectorExpr
			switch n := n.(type) {
			case *ast.CommClause:
				awaited[n.Comm] = true
			case *ast.ExprStmt:
				if !simulated && !awaited[n] {
					selector = receivedFrom(n.X, "After")
				}
			case *ast.SelectorExpr:
				if n.Sel.Name == "Sleep" {
					selector = n
				}
			}
			if selector == nil {
				continue
			}
			if name, ok := selector.X.(*ast.Ident); ok && imports[name.Name] == "time" {
				t.Errorf("%s: a sleep in a test; wait for the event itself (a channel, a watch), or use testing/synctest", r.at(n))
			}
		}
	}
}

// receivedFrom is the function of that name, in some package, from whose channel an
// expression receives, or nil.
func receivedFrom(x ast.Expr, name string) *ast.SelectorExpr {
	received, ok := x.(*ast.UnaryExpr)
	if !ok || received.Op != token.ARROW {
		return nil
	}
	call, ok := received.X.(*ast.CallExpr)
	if !ok {
		return nil
	}
	if made, ok := call.Fun.(*ast.SelectorExpr); ok && made.Sel.Name == name {
		return made
	}
	return nil
}

// exits are files outside of programs that may end the process.
var exits = map[string]string{
	"test/faults/rig/link/enter.go":             "the switch is a program inside of the one that it serves",
	"internal/enginesettings/enginesettings.go": "runs before main, where nobody could take an error",
}

// TestExits: only a program may end the process.
func TestExits(t *testing.T) {
	r := checkout(t)
	for _, s := range r.product() {
		if s.ast.Name.Name == "main" || s.dir == "cmd/conclave" || exits[s.path] != "" {
			continue
		}
		imports := s.imports()
		for n := range ast.Preorder(s.ast) {
			selector, ok := n.(*ast.SelectorExpr)
			if !ok || selector.Sel.Name != "Exit" {
				continue
			}
			if name, ok := selector.X.(*ast.Ident); ok && imports[name.Name] == "os" {
				t.Errorf("%s: os.Exit outside of a program; return an error, or panic when state would be damaged", r.at(n))
			}
		}
	}
}

var unfinished = regexp.MustCompile(`\b(TODO|FIXME|XXX|HACK)\b`)

// TestNothingUnfinished: open ends are issues, where they are found again.
func TestNothingUnfinished(t *testing.T) {
	r := checkout(t)
	for _, s := range r.source {
		for _, group := range s.ast.Comments {
			for _, c := range group.List {
				if mark := unfinished.FindString(c.Text); mark != "" && s.dir != "internal/lint" {
					t.Errorf("%s: %s in a comment; finish it, or write an issue", r.at(c), mark)
				}
			}
		}
	}
}
