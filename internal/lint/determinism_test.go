package lint

import (
	"go/ast"
	"go/token"
	"go/types"
	"testing"
)

// applied are the packages whose code decides what a replica's state becomes.
// statemachine/feed is not among them: it only tells what was decided.
var applied = []string{"recipes/...", "statemachine", "statemachine/mvcc/...", "statemachine/store/..."}

// beside are files of these packages that decide nothing, with the reason. There
// are none in recipes, where everything decides.
var beside = map[string]string{
	"statemachine/progress.go": "wakes readers that wait for an index; their order does not enter the state",
}

func decides(s *source) bool {
	return within(s.dir, applied) && beside[s.path] == ""
}

// TestNoMapOrder: Go walks a map in another order each time, so two replicas
// that walk one in apply can end in different states.
func TestNoMapOrder(t *testing.T) {
	r, g := checkout(t), buildGraph(t)
	for _, folder := range []string{"recipes", "statemachine"} {
		for _, p := range g.below(folder) {
			files, info := g.check(r, p)
			for _, s := range files {
				if !decides(s) {
					continue
				}
				for n := range ast.Preorder(s.ast) {
					loop, ok := n.(*ast.RangeStmt)
					if ok && inMapOrder(loop.X, info) {
						t.Errorf("%s: walks a map in its random order, which differs between replicas; "+
							"range over slices.Sorted(maps.Keys(m)), or keep a slice", r.at(loop))
					}
				}
			}
		}
	}
}

// inMapOrder tells whether ranging over x follows the order of a map: x is one,
// or an iterator from package maps.
func inMapOrder(x ast.Expr, info *types.Info) bool {
	if tv, ok := info.Types[x]; ok && tv.Type != nil {
		if _, isMap := tv.Type.Underlying().(*types.Map); isMap {
			return true
		}
	}
	call, ok := ast.Unparen(x).(*ast.CallExpr)
	if !ok {
		return false
	}
	selector, ok := call.Fun.(*ast.SelectorExpr)
	if !ok {
		return false
	}
	used := info.Uses[selector.Sel]
	return used != nil && used.Pkg() != nil && used.Pkg().Path() == "maps"
}

// TestRecipesAreSequential: apply runs one command after the other, and what a
// goroutine or a select decides depends on the scheduler.
func TestRecipesAreSequential(t *testing.T) {
	r := checkout(t)
	for _, s := range r.product() {
		if !within(s.dir, []string{"recipes/..."}) {
			continue
		}
		for n := range ast.Preorder(s.ast) {
			switch n := n.(type) {
			case *ast.GoStmt:
				t.Errorf("%s: starts a goroutine; a recipe is decided in one sequence, the same on every replica", r.at(n))
			case *ast.SelectStmt:
				t.Errorf("%s: select chooses at random; a recipe is decided in one sequence, the same on every replica", r.at(n))
			case *ast.ChanType:
				t.Errorf("%s: a channel brings the scheduler into a transition that has to replay identically", r.at(n))
			case *ast.Ident:
				if n.Name == "float64" || n.Name == "float32" {
					t.Errorf("%s: floating point may be rounded differently on another processor; count in integers", r.at(n))
				}
			case *ast.BasicLit:
				if n.Kind == token.FLOAT {
					t.Errorf("%s: floating point may be rounded differently on another processor; count in integers", r.at(n))
				}
			}
		}
	}
}

// clocks are what the state machine may not ask: its time comes in the header of
// the batch. Durations and constants of package time are fine.
var clocks = map[string]bool{
	"Now": true, "Since": true, "Until": true, "After": true, "AfterFunc": true,
	"Tick": true, "NewTicker": true, "NewTimer": true, "Sleep": true,
}

// Promise T1
func TestApplyReadsNoClock(t *testing.T) {
	r := checkout(t)
	for _, s := range r.product() {
		if !decides(s) {
			continue
		}
		imports := s.imports()
		for n := range ast.Preorder(s.ast) {
			selector, ok := n.(*ast.SelectorExpr)
			if !ok {
				continue
			}
			name, ok := selector.X.(*ast.Ident)
			if !ok {
				continue
			}
			switch imports[name.Name] {
			case "math/rand", "math/rand/v2", "crypto/rand":
				t.Errorf("%s: randomness in the state machine; it arrives in the command", r.at(n))
			case "time":
				if clocks[selector.Sel.Name] {
					t.Errorf("%s: time.%s in the state machine; its time is the log clock of the batch header", r.at(n), selector.Sel.Name)
				}
			}
		}
	}
}
