package recipes_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/conclavehq/conclave/internal/keys"
	logv1 "github.com/conclavehq/conclave/proto/gen/conclave/log/v1"
	"github.com/conclavehq/conclave/recipes"
	"github.com/conclavehq/conclave/recipes/model"
)

// TestTranscripts runs testdata/<recipe>/<story>.txt: commands, a line of four
// dashes, and what they must print.
//
//	# Why this happens.
//	acquire-mutex name=db lease=1 wait=10s
//	----
//	ok: token=2 count=1 (revision 2)
//	  event mutex: name=db hold{…}
//
// A word names a message of the log: a command (acquire-mutex), or a query
// when it starts with show-, list-, peek-, export- or range. Arguments name its fields, so a
// new recipe needs nothing here; see transcript_decode_test.go. Besides there
// are `clock +5s`, which moves the log clock, `expire`, which does what the
// leader does when a timer is due, and `reopen`, which is a restart.
//
// After a change, `go test ./recipes -run Transcripts -rewrite` writes what is
// printed now; the diff is for the reviewer.
var rewrite = flag.Bool("rewrite", false, "rewrite the transcripts with what the rules print now")

func TestTranscripts(t *testing.T) {
	stories, err := filepath.Glob("testdata/*/*.txt")
	if err != nil || len(stories) == 0 {
		t.Fatalf("no transcripts: %v", err)
	}
	for _, story := range stories {
		name := strings.TrimSuffix(strings.TrimPrefix(story, "testdata/"), ".txt")
		t.Run(name, func(t *testing.T) {
			text, err := os.ReadFile(story)
			if err != nil {
				t.Fatal(err)
			}
			got := newTeller().tell(t, string(text))
			if *rewrite {
				if err := os.WriteFile(story, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if diff := cmp.Diff(string(text), got); diff != "" {
				t.Errorf("%s tells another story now (-want +got):\n%s", story, diff)
			}
		})
	}
}

// teller tells one story on one fresh state.
type teller struct {
	state *model.State
	clock recipes.Clock
	ns    keys.Namespace
}

func newTeller() *teller { return &teller{state: model.New(), ns: 1} }

// tell returns the story with the output that its commands have now.
func (s *teller) tell(t *testing.T, text string) string {
	t.Helper()
	var out strings.Builder
	var commands []string
	skipping := false
	for i, line := range strings.Split(strings.TrimRight(text, "\n"), "\n") {
		switch {
		case skipping && line != "":
		case skipping:
			skipping = false
			out.WriteString("\n")
		case line == "----":
			out.WriteString("----\n")
			for _, command := range commands {
				printed, err := s.run(command)
				if err != nil {
					t.Fatalf("line %d: %s: %v", i+1, command, err)
				}
				out.WriteString(printed)
			}
			commands, skipping = nil, true
		default:
			if line != "" && !strings.HasPrefix(line, "#") {
				commands = append(commands, line)
			}
			out.WriteString(line + "\n")
		}
	}
	if len(commands) > 0 {
		t.Fatalf("no ---- after %q", commands)
	}
	return out.String()
}

// run runs one line and returns what it prints.
func (s *teller) run(line string) (string, error) {
	words, err := splitWords(line)
	if err != nil {
		return "", err
	}
	switch words[0] {
	case "clock":
		span, err := time.ParseDuration(strings.TrimPrefix(words[1], "+"))
		if err != nil {
			return "", err
		}
		s.clock += recipes.Clock(span.Milliseconds())
		return fmt.Sprintf("clock %s\n", formatMS(int64(s.clock))), nil
	case "reopen":
		s.state.Reopen(s.ns)
		return "ok\n", nil
	case "expire":
		words[0] = "expire-timers"
	}

	if name, isQuery := queryName(words[0]); isQuery {
		q := &logv1.Query{NamespaceId: uint32(s.ns)}
		if err := decodeBody(q, name, words[1:]); err != nil {
			return "", err
		}
		s.state.Begin(s.ns, s.clock, int64(s.clock))
		return formatAnswer(s.state.Ask(q)), nil
	}
	cmd := &logv1.Command{NamespaceId: uint32(s.ns)}
	words, err = takeRequestID(cmd, words)
	if err != nil {
		return "", err
	}
	if err := decodeBody(cmd, words[0], words[1:]); err != nil {
		return "", err
	}
	// The wall clock shows the log clock, so that a story reads the same.
	result, events := s.state.Apply(cmd, s.clock, int64(s.clock))
	return formatResult(result) + formatEvents(events), nil
}
