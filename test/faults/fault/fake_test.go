package fault

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	conclavev1 "github.com/conclavehq/conclave/proto/gen/conclave/v1"
	conclave "github.com/conclavehq/conclave/sdk"
	"github.com/conclavehq/conclave/test/faults/history"
	"github.com/conclavehq/conclave/test/faults/rig"
)

// TestMain makes this program a node that does what its test wants, when it is started
// as one.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "server" {
		os.Exit(fakeNode(os.Args[2:]))
	}
	rig.Enter()
	os.Exit(m.Run())
}

// What a fake node does, by what its file says. It serves by default.
const (
	endsSilently   = "silent"
	endsWithTrace  = "trace"
	endsWithReason = "reason"
	refuses        = "refuse"
	endsImpolitely = "impolite" // it serves, and has another exit code
	endsLate       = "late"     // it serves until it is to read all
)

// script is the file that says what the fake node on a data directory does.
func script(dir string) string { return dir + ".does" }

const lostSentence = `the cluster knows this node, and its data directory n1 is empty: the data of node "n1" was lost or this is the wrong data directory; do this`

func fakeNode(args []string) (code int) {
	flag := func(name string) string { return args[slices.Index(args, name)+1] }
	text, _ := os.ReadFile(script(flag("--data-dir"))) // without it: ""
	does := string(text)
	answer := fakeAnswer
	switch does {
	case endsSilently:
		return 1
	case endsWithTrace:
		panic("something is wrong")
	case endsWithReason:
		fmt.Fprintln(os.Stderr, `{"level":"fatal","message":"the state on disk cannot be relied on; the process ends"}`)
		return 1
	case refuses:
		fmt.Fprintln(os.Stderr, "conclave: cannot start: "+lostSentence)
		return 1
	case endsLate:
		answer = func(w http.ResponseWriter, r *http.Request) {
			if strings.HasSuffix(r.URL.Path, "/CompareHashes") {
				fmt.Fprintln(os.Stderr, "conclave: the state on disk cannot be relied on")
				os.Exit(1)
			}
			fakeAnswer(w, r)
		}
	}
	asked, err := url.Parse(flag("--listen-client-urls"))
	if err != nil {
		return 2
	}
	term := make(chan os.Signal, 1)
	signal.Notify(term, syscall.SIGTERM)
	go func() { _ = http.ListenAndServe(asked.Host, http.HandlerFunc(answer)) }()
	<-term
	if does == endsImpolitely {
		return 3
	}
	return 0
}

// fakeAnswer says that all is well, and that n1 leads.
func fakeAnswer(w http.ResponseWriter, r *http.Request) {
	switch {
	case r.URL.Path == "/readyz":
	case strings.HasSuffix(r.URL.Path, "/GetStatus"):
		shard := &conclavev1.ShardStatus{ShardId: rig.DefaultShard, Leader: "n1", Term: 1, IsLeader: strings.HasPrefix(r.Host, "10.77.0.1:")}
		body, err := proto.Marshal(&conclavev1.GetStatusResponse{Shards: []*conclavev1.ShardStatus{shard}})
		if err == nil {
			w.Header().Set("Content-Type", "application/proto")
			_, _ = w.Write(body)
		}
	default:
		http.Error(w, "not for a fake", http.StatusNotFound)
	}
}

// stage is a scene with what it records.
type stage struct {
	*Scene
	path string
}

// onStage makes a scene; it has a cluster of fake nodes if there are to be some.
func onStage(t *testing.T, nodes int) *stage {
	t.Helper()
	dir := t.TempDir()
	s := &stage{path: filepath.Join(dir, "history"), Scene: &Scene{ID: "F00", Dir: dir, Taken: NewTaken(nodes),
		Rand: rand.New(rand.NewPCG(1, 1)), Hold: time.Millisecond}}
	var err error
	if s.History, err = history.Create(s.path); err != nil {
		t.Fatal(err)
	}
	if nodes == 0 {
		return s
	}
	if err = rig.Capable(); err != nil {
		t.Skip(err)
	}
	if s.Cluster, err = rig.Start(t.Context(), rig.Config{Binary: os.Args[0], Dir: dir, Nodes: nodes}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Cluster.Close(); err != nil {
			t.Error(err)
		}
	})
	if s.Client, err = conclave.Dial(t.Context(), s.Cluster.Endpoints(), conclave.WithoutPipeline()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Client.Close() })
	return s
}

// tell has a node do something from its next life on.
func (s *stage) tell(t *testing.T, n *rig.Node, does string) {
	t.Helper()
	if err := os.WriteFile(script(n.Dir()), []byte(does), 0o600); err != nil {
		t.Fatal(err)
	}
}

// complaints ends the history and returns what was complained about.
func (s *stage) complaints(t *testing.T) (all []string) {
	t.Helper()
	if err := s.History.Close(); err != nil {
		t.Fatal(err)
	}
	records, err := history.Read(s.path)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range records {
		if r.Kind == history.Complaint {
			all = append(all, r.Reason)
		}
	}
	return all
}
