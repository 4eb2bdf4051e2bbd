package lint

import (
	"go/ast"
	"go/token"
	"maps"
	"path"
	"slices"
	"strings"
	"testing"
)

// TestPackageComments: read in one go, they are the table of contents.
func TestPackageComments(t *testing.T) {
	r := checkout(t)
	type pkg struct {
		name     string
		comments []string // "file:line" of each
		first    string   // first line of the last one
	}
	packages := make(map[string]*pkg)
	for _, s := range r.product() {
		p := packages[s.dir]
		if p == nil {
			p = &pkg{name: s.ast.Name.Name}
			packages[s.dir] = p
		}
		if s.ast.Doc != nil {
			p.comments = append(p.comments, r.at(s.ast.Doc))
			p.first, _, _ = strings.Cut(s.ast.Doc.Text(), "\n")
		}
	}
	for _, dir := range slices.Sorted(maps.Keys(packages)) {
		p := packages[dir]
		opening := "Package " + p.name + " "
		if p.name == "main" {
			opening = "Command " + path.Base(dir) + " "
		}
		switch {
		case len(p.comments) == 0:
			t.Errorf("%s: no package comment; one file says what the package owns, beginning with %q", dir, opening)
		case len(p.comments) > 1:
			t.Errorf("%s: package comments in %s; there is one, so that it is known where to look", dir, strings.Join(p.comments, " and "))
		case !strings.HasPrefix(p.first, opening):
			t.Errorf("%s: the package comment begins with %q instead of %q", p.comments[0], p.first, opening)
		}
	}
}

// selfEvident are methods that mean what their interface in the standard library
// says.
var selfEvident = map[string]bool{
	"Error": true, "String": true, "Unwrap": true, "Is": true, "As": true,
	"Read": true, "Write": true, "ServeHTTP": true,
	"Len": true, "Less": true, "Swap": true,
	"MarshalJSON": true, "UnmarshalJSON": true, "MarshalText": true, "UnmarshalText": true,
}

// TestExportedIsDocumented: what others may use says what it promises.
func TestExportedIsDocumented(t *testing.T) {
	r := checkout(t)
	for _, s := range r.product() {
		if s.ast.Name.Name == "main" {
			continue // nobody can import it
		}
		for _, decl := range s.ast.Decls {
			for _, name := range undocumented(decl) {
				t.Errorf("%s: exported %s has no comment", r.at(decl), name)
			}
		}
	}
}

// undocumented names what a declaration exports without a word. A comment on a
// group of constants or variables speaks for its members.
func undocumented(decl ast.Decl) []string {
	var names []string
	switch d := decl.(type) {
	case *ast.FuncDecl:
		if !d.Name.IsExported() || d.Doc != nil {
			return nil
		}
		if d.Recv != nil && (!ast.IsExported(receiver(d)) || selfEvident[d.Name.Name]) {
			return nil
		}
		return []string{d.Name.Name}
	case *ast.GenDecl:
		for _, spec := range d.Specs {
			switch spec := spec.(type) {
			case *ast.TypeSpec:
				if spec.Name.IsExported() && spec.Doc == nil && (d.Doc == nil || len(d.Specs) > 1) {
					names = append(names, spec.Name.Name)
				}
			case *ast.ValueSpec:
				if spec.Doc != nil || spec.Comment != nil || d.Doc != nil || d.Tok == token.IMPORT {
					continue
				}
				for _, name := range spec.Names {
					if name.IsExported() {
						names = append(names, name.Name)
					}
				}
			}
		}
	}
	return names
}

// receiver is the name of the type that a method belongs to.
func receiver(d *ast.FuncDecl) string {
	expr := d.Recv.List[0].Type
	for {
		switch e := expr.(type) {
		case *ast.StarExpr:
			expr = e.X
		case *ast.IndexExpr:
			expr = e.X
		case *ast.IndexListExpr:
			expr = e.X
		case *ast.Ident:
			return e.Name
		default:
			return ""
		}
	}
}
