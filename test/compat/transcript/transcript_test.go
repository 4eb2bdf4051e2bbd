package transcript

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// What is read is written again as it was.
func TestParse(t *testing.T) {
	paths, err := filepath.Glob("../*/testdata/*/*.txt")
	if err != nil || len(paths) == 0 {
		t.Fatalf("no transcripts: %v", err)
	}
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(text), parse(string(text)).text()); diff != "" {
			t.Errorf("%s:\n%s", path, diff)
		}
	}
}

// A session has one bash, whose answers are told apart.
func TestSession(t *testing.T) {
	const written = `Answers, error output and exit codes.

  $ name=world; echo hello
  hello
  $ echo "$name" >&2; (exit 3)
  world
  [3]
  $ cat <<'END'
  > one
  >
  >   three
  > END
  one

    three
  $ true

What runs beside.

  $ background slow bash -c 'trap "echo told to end; exit 5" TERM; echo ready; while :; do sleep 0.01; done'
  $ shown slow ready
  $ stop slow
  ready
  told to end
  $ background short echo done
  $ ended short
  done
  $ background long sleep 1000
  $ crash long
  $ echo "an id: 1234567890123456789 and 112210f47de98115"
  an id: ID1 and ID1
`
	text := strings.ReplaceAll(written, "\n\n    three", "\n  \n    three")
	got := Session{Env: os.Environ()}.answers(t, parse(text))
	if diff := cmp.Diff(text, got.text()); diff != "" {
		t.Errorf("written (-), got (+):\n%s", diff)
	}
}

func TestScrub(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{"nothing 1 2 3 to see 65535", "nothing 1 2 3 to see 65535"},
		{"lease 694da200894aa008 granted with TTL(100s)", "lease ID1 granted with TTL(100s)"},
		{`{"header":{"cluster_id":14841639068965178418, "member_id":1,"revision":2, "raft_term":7}}`,
			`{"header":{"cluster_id":ID1,"member_id":ID2,"revision":2,"raft_term":NUMBER}}`},
		{`{"ID": "1234567890123456789"}`, `{"ID":"ID1"}`},
		{`"MemberID" : 3`, `"MemberID" : ID1`},
		{"2, started, n1, http://127.0.0.1:12345, http://x, false", "ID1, started, n1, http://NODE1, http://x, false"},
		{"NODE1, 1, 3.7.3, 3.7.0, 37 kB, 20 kB, 45%, 2.1 GB, true, false, 2, 10, 10, , , false",
			"NODE1, ID1, 3.7.3, 3.7.0, SIZE, SIZE, PERCENT, SIZE, true, false, TERM, INDEX, INDEX, , , false"},
		{"│ NODE1 │ 3305255506 │             2 │", "│ NODE1 │ HASH │ 2 │"},
		{"┌──────┬───┐", "┌─┬─┐"},
		{"Leadership transferred from 1 to 2", "Leadership transferred from ID1 to ID2"},
		{"a took = 1.823319ms, b 2.5s", "a took = TIME, b TIME"},
		{`{"level":"warn","ts":"now","method":"/etcdserverpb.KV/Range","attempt":0,"error":"rpc error: code = OutOfRange"}`,
			"(a log line: /etcdserverpb.KV/Range: rpc error: code = OutOfRange)"},
	} {
		if got := NewScrub(Names{"127.0.0.1:12345": "NODE1"}).Text(c.in); got != c.want {
			t.Errorf("%s\n got %s\nwant %s", c.in, got, c.want)
		}
	}
}
