package lint

import (
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const (
	api     = module + "/proto/gen/conclave/v1/..."
	log     = module + "/proto/gen/conclave/log/..."
	storage = module + "/proto/gen/conclave/storage/..."
)

var (
	dragonboat = []string{"github.com/lni/dragonboat/v4/..."}
	pebble     = []string{"github.com/cockroachdb/pebble/...", "github.com/cockroachdb/pebble/v2/..."}
	connect    = []string{"connectrpc.com/..."}
	grpc       = []string{"google.golang.org/grpc/...", "go.etcd.io/etcd/..."}
	testOnly   = []string{
		"github.com/anishathalye/porcupine/...", "github.com/google/go-cmp/...",
		"github.com/rogpeppe/go-internal/...", "go.uber.org/goleak/...",
	}
	// What differs from replica to replica, or from one replay to the next.
	undetermined = []string{
		"time/...", "math/rand/...", "crypto/rand/...", "os/...", "net/...", "sync/...",
		"io/ioutil", "log/...", "runtime/...", "context", "github.com/google/uuid",
	}
)

// ban says that packages in some directories do not import others.
type ban struct {
	in     []string // directories
	except []string // directories below them
	not    []string // import paths
	why    string
}

// own names packages of this module.
func own(dirs ...string) []string {
	var paths []string
	for _, dir := range dirs {
		paths = append(paths, module+"/"+dir)
	}
	return paths
}

func all(lists ...[]string) []string {
	var paths []string
	for _, list := range lists {
		paths = append(paths, list...)
	}
	return paths
}

// everywhere is any directory of the module.
var everywhere = []string{".", "benchmarks/...", "cluster/...", "cmd/...", "conclavetest/...", "console/...", "embed/...",
	"examples/...", "internal/...", "recipes/...", "rpc/...", "sdk/...", "statemachine/...", "test/..."}

var bans = []ban{
	{
		in:  []string{"internal/keys/..."},
		not: all(dragonboat, pebble, connect, grpc, own("...")),
		why: "keys are spelled here for everybody else, so this package stands on nothing but the standard library",
	},
	{
		in:  []string{"internal/planted"},
		not: all(dragonboat, pebble, connect, grpc, undetermined, own("...")),
		why: "every layer may compare with the constant of a planted bug, the pure ones too, because it brings nothing along",
	},
	{
		in:  []string{"recipes/..."},
		not: undetermined,
		why: "a transition has to come out the same on every replica and in every replay: time, randomness and ids arrive in the command",
	},
	{
		in: []string{"recipes/..."},
		not: all(dragonboat, pebble, connect, grpc, []string{api},
			own("statemachine/...", "cluster/...", "rpc/...", "sdk/...", "console/...", "embed/...", "internal/server/...")),
		why: "recipes are rules; they know the log, the stored records and their own Tx, and nothing that stores, replicates or serves them",
	},
	{
		in:  []string{"statemachine/..."},
		not: all(connect, grpc, []string{api}, own("rpc/...", "cluster/...", "sdk/...", "console/...", "embed/...", "internal/server/...")),
		why: "the state machine applies what is in the log and does not know who asked; the API may change, the log may not",
	},
	{
		in:  []string{"cluster/..."},
		not: all([]string{api, storage}, own("recipes/...", "rpc/...", "sdk/...", "console/...", "embed/...", "internal/server/...")),
		why: "cluster orders and carries commands and does not know what a command means",
	},
	{
		in:  []string{"rpc/..."},
		not: all([]string{storage}, own("statemachine", "statemachine/store/...", "statemachine/mvcc/...", "recipes/...", "sdk/...", "console/...", "embed/...", "internal/server/...")),
		why: "a handler translates and proposes; it sees the cluster through an interface of its own, and what is on disk is not its business (statemachine/feed is not on disk: handlers wait on its subscriptions)",
	},
	{
		in: []string{"console/..."},
		not: all([]string{log, storage},
			own("statemachine/...", "recipes/...", "cluster/...", "rpc/...", "internal/server/...")),
		why: "the console is a client of the public API, so that whatever it shows can be had by others too",
	},
	{
		in:  []string{"sdk/..."},
		not: []string{log, storage},
		why: "the SDK speaks the public API; log and storage formats are the server's own",
	},
	{
		in:  []string{"cmd/...", "embed/...", "conclavetest/...", "examples/..."},
		not: all([]string{log, storage}, own("statemachine/...", "recipes/...")),
		why: "programs are put together from internal/server and sdk; rules and storage live below these",
	},
	{
		in:  []string{"internal/server/..."},
		not: []string{"flag", "github.com/spf13/..."},
		why: "the composition root takes a configuration; flags belong to cmd",
	},
	{
		in:     everywhere,
		except: []string{"internal/profiles", "cmd/...", "benchmarks/..."},
		not:    append(own("internal/profiles"), "net/http/pprof"),
		why:    "net/http/pprof registers itself with http.DefaultServeMux, which a program that embeds a node may serve to anybody",
	},
	{
		in:     everywhere,
		except: []string{"cluster/...", "statemachine"},
		not:    dragonboat,
		why:    "only cluster (which runs Raft) and statemachine (which Raft calls) depend on Dragonboat, so that it can be upgraded or replaced",
	},
	{
		in:     everywhere,
		except: []string{"statemachine/...", "cluster/logfile"},
		not:    pebble,
		why:    "only the state machine owns stored state (cluster/logfile stores nothing: it is about the files that Dragonboat writes)",
	},
	{
		in: everywhere,
		except: []string{"rpc/...", "sdk/...", "cluster/...", "console/...", "internal/server/...", "embed/...", "conclavetest/...",
			"cmd/...", "examples/...", "benchmarks/...", "test/faults/workload"},
		not: connect,
		why: "Connect stays at the edges, so that the next version of it is a change of the edges (test/faults/workload is a client that must not repeat calls, as the SDK does)",
	},
	{
		in:     everywhere,
		except: []string{"rpc/etcd/...", "internal/server/...", "internal/etcdsource/...", "benchmarks/...", "test/faults/..."},
		not:    grpc,
		why:    "grpc-go and etcd's messages are there for the etcd surface alone, and for internal/etcdsource, which reads an etcd that is to be imported",
	},
	{
		in:     everywhere,
		except: []string{"conclavetest/...", "internal/testcluster/...", "internal/linear/...", "benchmarks/...", "test/compat/...", "test/faults/..."},
		not:    testOnly,
		why:    "test libraries stay out of the binary",
	},
}

func TestImports(t *testing.T) {
	r := checkout(t)
	for _, s := range r.product() {
		for _, spec := range s.ast.Imports {
			target := importPath(spec)
			for _, b := range bans {
				if within(s.dir, b.in) && !within(s.dir, b.except) && within(target, b.not) {
					t.Errorf("%s: %s must not import %s: %s", r.at(spec), s.dir, target, b.why)
				}
			}
		}
	}
}

// TestEverywhere keeps the list of directories that the bans cover complete.
func TestEverywhere(t *testing.T) {
	r := checkout(t)
	for _, s := range r.product() {
		if !within(s.dir, everywhere) {
			t.Errorf("%s: the import rules do not cover %s; add its folder to `everywhere` in internal/lint/imports_test.go", s.path, s.dir)
		}
	}
}

// links lists what a package must not pull in, however indirectly.
var links = []ban{{
	in: []string{"sdk"},
	not: all(dragonboat, pebble, grpc,
		own("statemachine/...", "cluster/...", "recipes/...", "rpc/...", "console/...", "embed/...", "internal/server/...")),
	why: "programs that use the SDK must not carry the server with them",
}}

func TestLinks(t *testing.T) {
	g := buildGraph(t)
	for _, b := range links {
		for _, dir := range b.in {
			chains := g.reachable(module + "/" + dir)
			for _, target := range slices.Sorted(maps.Keys(chains)) {
				chain := chains[target]
				entered := slices.IndexFunc(chain, func(p string) bool { return within(p, b.not) })
				if entered == len(chain)-1 { // else only what a package reported already brings along
					t.Errorf("%s links %s: %s", dir, strings.Join(chain, " → "), b.why)
				}
			}
		}
	}
}

var protoImport = regexp.MustCompile(`(?m)^import (?:public )?"([^"]+)";`)

// protoBans are the same kind of rule between protos, by folder.
var protoBans = []ban{
	{
		in:  []string{"proto/conclave/v1"},
		not: []string{"conclave/log/...", "conclave/storage/...", "conclave/peer/..."},
		why: "the public API is understood without the log, the storage and what nodes tell each other",
	},
	{
		in:  []string{"proto/conclave/log/v1"},
		not: []string{"conclave/v1/...", "conclave/storage/...", "conclave/peer/..."},
		why: "a log entry is read years after it was written: it must not change with the API, nor with what is stored",
	},
	{
		in:  []string{"proto/conclave/storage/v1"},
		not: []string{"conclave/v1/...", "conclave/peer/..."},
		why: "stored records outlive the API; they share the log's messages, which are as append-only as they are (docs/decisions/0006)",
	},
}

func TestProtoImports(t *testing.T) {
	r := checkout(t)
	for _, name := range r.files {
		for _, b := range protoBans {
			if !strings.HasSuffix(name, ".proto") || !within(path.Dir(name), b.in) {
				continue
			}
			text, err := r.read(name)
			if err != nil {
				t.Fatal(err)
			}
			for _, m := range protoImport.FindAllStringSubmatch(string(text), -1) {
				if within(m[1], b.not) {
					t.Errorf("%s must not import %s: %s", name, m[1], b.why)
				}
			}
		}
	}
}
