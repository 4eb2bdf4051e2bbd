package lint

import (
	"go/ast"
	"path"
	"regexp"
	"strings"
	"testing"
)

// notRecipes are services without a vertical of their own, by file name.
var notRecipes = map[string]string{
	"kv":        "the store itself; decided by statemachine/mvcc",
	"watch":     "reads the feed, decides nothing",
	"lease":     "what recipes stand on; its rules are in recipes, its commands under `conclave lease`",
	"session":   "the SDK's way to talk to the other services",
	"pipeline":  "carries calls of the other services",
	"stream":    "carries calls of the other services",
	"namespace": "administration of the system shard",
	"cluster":   "administration of the system shard",
}

// siblings are the files of a recipe in reading order. NAME is the base name of
// its proto.
var siblings = []struct {
	layer, file, owns string
}{
	{"docs/recipes", "docs/recipes/NAME.md", "the promise"},
	{"proto/conclave/v1", "proto/conclave/v1/NAME.proto", "the public API"},
	{"proto/conclave/log/v1", "proto/conclave/log/v1/NAME.proto", "the commands and their results"},
	{"recipes", "recipes/NAME.go", "the rules"},
	{"recipes/testdata", "recipes/testdata/NAME", "the transcripts"},
	{"rpc", "rpc/NAME.go", "the handlers"},
	{"sdk", "sdk/NAME.go", "the Go client"},
	{"cmd/conclave", "cmd/conclave/NAME.go", "the commands"},
}

var (
	service = regexp.MustCompile(`(?m)^service (\w+)Service \{`)
	call    = regexp.MustCompile(`(?m)^  rpc (\w+)\(`)
)

// TestRecipeParity: a recipe has one name in every layer, so `git grep` on it
// reads the whole vertical.
func TestRecipeParity(t *testing.T) {
	r := checkout(t)
	for _, proto := range r.files {
		if path.Dir(proto) != "proto/conclave/v1" || path.Ext(proto) != ".proto" {
			continue
		}
		text, err := r.read(proto)
		if err != nil {
			t.Fatal(err)
		}
		declared := service.FindAllStringSubmatch(string(text), -1)
		name := strings.TrimSuffix(path.Base(proto), ".proto")
		if len(declared) == 0 || notRecipes[name] != "" {
			continue
		}
		if len(declared) > 1 || !strings.EqualFold(declared[0][1], strings.ReplaceAll(name, "_", "")) {
			t.Errorf("%s: one file holds one service, and %s.proto holds %sService", proto, strings.ToLower(declared[0][1]), declared[0][1])
		}
		t.Run(name, func(t *testing.T) {
			checkSiblings(t, r, name)
			checkHandlers(t, r, name, call.FindAllStringSubmatch(string(text), -1))
		})
	}
}

func checkSiblings(t *testing.T, r *repo, name string) {
	for _, s := range siblings {
		file := strings.ReplaceAll(s.file, "NAME", name)
		if r.has(s.layer) && !r.has(file) {
			t.Errorf("%s has no %s, which holds %s; docs/adding-a-recipe.md goes through the layers in order", name, file, s.owns)
		}
	}
}

// checkHandlers wants each call spelled in the recipe's handlers as in its proto.
func checkHandlers(t *testing.T, r *repo, name string, calls [][]string) {
	if !r.has("rpc/" + name + ".go") {
		return // reported above, if rpc is there at all
	}
	methods := make(map[string]bool)
	for _, s := range r.product() {
		if s.dir != "rpc" {
			continue
		}
		base := path.Base(s.path)
		if base != name+".go" && !strings.HasPrefix(base, name+"_") {
			continue
		}
		for _, decl := range s.ast.Decls {
			if method := methodName(decl); method != "" {
				methods[method] = true
			}
		}
	}
	for _, c := range calls {
		if !methods[c[1]] {
			t.Errorf("rpc %s of %s is not handled in rpc/%s.go or rpc/%s_*.go under that name", c[1], name, name, name)
		}
	}
}

func methodName(decl ast.Decl) string {
	if f, ok := decl.(*ast.FuncDecl); ok && f.Recv != nil {
		return f.Name.Name
	}
	return ""
}
