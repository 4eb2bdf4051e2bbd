package lint

import (
	"go/ast"
	"strings"
	"testing"
)

// TestSDKSurface: what the SDK exports names only its own types and those of the
// standard library, so that its users do not depend on how it talks to the server.
func TestSDKSurface(t *testing.T) {
	r := checkout(t)
	for _, s := range r.product() {
		if s.dir != "sdk" {
			continue
		}
		imports := s.imports()
		for _, decl := range s.ast.Decls {
			for _, shown := range surface(decl) {
				for n := range ast.Preorder(shown) {
					selector, ok := n.(*ast.SelectorExpr)
					if !ok {
						continue
					}
					name, ok := selector.X.(*ast.Ident)
					if !ok || standard(imports[name.Name]) {
						continue
					}
					t.Errorf("%s: exports %s.%s; a user of the SDK sees its own and standard types only", r.at(n), name.Name, selector.Sel.Name)
				}
			}
		}
	}
}

// standard tells the standard library by its first element, which has no dot.
func standard(importPath string) bool {
	first, _, _ := strings.Cut(importPath, "/")
	return !strings.Contains(first, ".")
}

// surface gives the type expressions that a declaration shows to other packages.
func surface(decl ast.Decl) []ast.Node {
	switch d := decl.(type) {
	case *ast.FuncDecl:
		if d.Name.IsExported() && (d.Recv == nil || ast.IsExported(receiver(d))) {
			return []ast.Node{d.Type}
		}
	case *ast.GenDecl:
		var shown []ast.Node
		for _, spec := range d.Specs {
			switch spec := spec.(type) {
			case *ast.TypeSpec:
				if spec.Name.IsExported() {
					shown = append(shown, visible(spec.Type)...)
				}
			case *ast.ValueSpec:
				if spec.Type != nil && len(spec.Names) > 0 && spec.Names[0].IsExported() {
					shown = append(shown, spec.Type)
				}
			}
		}
		return shown
	}
	return nil
}

// visible leaves out the fields and methods that others cannot name.
func visible(expr ast.Expr) []ast.Node {
	var fields *ast.FieldList
	switch e := expr.(type) {
	case *ast.StructType:
		fields = e.Fields
	case *ast.InterfaceType:
		fields = e.Methods
	default:
		return []ast.Node{expr}
	}
	var shown []ast.Node
	for _, f := range fields.List {
		if len(f.Names) == 0 || f.Names[0].IsExported() {
			shown = append(shown, f.Type)
		}
	}
	return shown
}
