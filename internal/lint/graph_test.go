package lint

import (
	"encoding/json"
	"errors"
	"go/ast"
	"go/importer"
	"go/types"
	"io"
	"maps"
	"os"
	"path"
	"slices"
	"strings"
	"sync"
	"testing"
)

// graph is what the go command knows about the packages that have rules beyond
// their own import lines, and about everything below them.
type graph struct {
	packages map[string]*listed // by import path
}

// listed is the part of `go list -json` that is used here.
type listed struct {
	ImportPath string
	Imports    []string
	ImportMap  map[string]string
	GoFiles    []string
	Export     string // file with the compiled package's types; empty when it does not compile
}

// resolved are the folders with such rules.
var resolved = []string{"recipes", "statemachine", "sdk"}

var graphOnce = sync.OnceValues(func() (*graph, error) {
	r, err := loadOnce()
	if err != nil {
		return nil, err
	}
	args := []string{"list", "-C", r.root, "-e", "-deps", "-export", "-json=ImportPath,Imports,ImportMap,GoFiles,Export"}
	for _, dir := range resolved {
		if r.has(dir) {
			args = append(args, "./"+dir+"/...")
		}
	}
	out, err := output("go", args...)
	if err != nil {
		return nil, err
	}
	g := &graph{packages: make(map[string]*listed)}
	for dec := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p listed
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			return g, nil
		} else if err != nil {
			return nil, err
		}
		g.packages[p.ImportPath] = &p
	}
})

func buildGraph(t *testing.T) *graph {
	t.Helper()
	checkout(t)
	g, err := graphOnce()
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// reachable maps every package that start pulls in to the chain of imports that
// leads there. It is empty when start does not exist.
func (g *graph) reachable(start string) map[string][]string {
	chains := make(map[string][]string)
	for queue := []string{start}; len(queue) > 0; queue = queue[1:] {
		from := queue[0]
		p := g.packages[from]
		if p == nil {
			continue
		}
		for _, target := range p.Imports {
			if mapped, ok := p.ImportMap[target]; ok {
				target = mapped
			}
			if _, seen := chains[target]; seen {
				continue
			}
			chains[target] = append(slices.Clone(chains[from]), target)
			queue = append(queue, target)
		}
	}
	return chains
}

// below lists the packages of this module in a folder, in order.
func (g *graph) below(dir string) []*listed {
	var packages []*listed
	for _, name := range slices.Sorted(maps.Keys(g.packages)) {
		if within(name, own(dir+"/...")) {
			packages = append(packages, g.packages[name])
		}
	}
	return packages
}

// check gives the types of the expressions in a package. What does not compile
// has no type; reporting that is the compiler's task.
func (g *graph) check(r *repo, p *listed) ([]*source, *types.Info) {
	dir := strings.TrimPrefix(p.ImportPath, module+"/")
	var files []*source
	var syntax []*ast.File
	for _, s := range r.product() {
		if s.dir == dir && slices.Contains(p.GoFiles, path.Base(s.path)) {
			files = append(files, s)
			syntax = append(syntax, s.ast)
		}
	}
	lookup := func(importPath string) (io.ReadCloser, error) {
		dep := g.packages[importPath]
		if dep == nil || dep.Export == "" {
			return nil, errors.New("not compiled: " + importPath)
		}
		return os.Open(dep.Export)
	}
	info := &types.Info{
		Types: make(map[ast.Expr]types.TypeAndValue),
		Uses:  make(map[*ast.Ident]types.Object),
	}
	conf := types.Config{
		Importer: importer.ForCompiler(r.fset, "gc", lookup),
		Error:    func(error) {},
	}
	_, _ = conf.Check(p.ImportPath, r.fset, syntax, info) // errors went to conf.Error
	return files, info
}
