package process

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"os/exec"
	"strings"
	"testing"
	"time"

	conclave "github.com/conclavehq/conclave/sdk"
)

const (
	usage    = 2 // the exit code of wrong usage
	noReach  = 3 // the exit code when nobody answers
	failed   = 1 // the exit code of a refusal
	anyBytes = "\xff\xfe\xfd"
)

// What a user gets wrong is answered by one sentence that says what it is, with a
// non-zero exit, and changes nothing.
func TestWrongCommands(t *testing.T) {
	t.Parallel()
	one := startCluster(t, 1)
	stage(t, one)
	before := revisionOf(t, one)
	long := strings.Repeat("n", 5000)
	for _, c := range []struct {
		args  string
		extra []string // arguments with spaces or none at all
		stdin string
		code  int // where it is one of several
		want  string
		// prints says that there is an answer beside the complaint.
		prints bool
	}{
		{args: "frobnicate", code: usage, want: `no command "conclave frobnicate"`},
		{args: "lease frobnicate", code: usage, want: `no command "conclave lease frobnicate"`},
		{args: "put --frobnicate k v", code: usage, want: "no flag --frobnicate"},
		{args: "get k -w xml", code: usage, want: "simple, json or table"},
		{args: "get k --timeout -1s", code: usage, want: "--timeout"},
		{args: "get k --timeout soon", code: usage, want: "--timeout"},
		{args: "put", code: usage, want: "KEY"},
		{args: "get k --limit many", code: usage, want: "--limit"},

		{args: "put", extra: []string{"", "v"}, want: "key"},
		{args: "put", extra: []string{anyBytes, "v"}, code: usage, want: "UTF-8"},
		{args: "put " + long + " v", code: failed, want: "4096"},
		{args: "put big", stdin: strings.Repeat("x", 1<<20+1), code: failed, want: "1048576"},
		{args: "lock --wait 0", extra: []string{""}, want: "name"},
		{args: "lock --wait 0 " + long, code: failed, want: "256"},
		{args: "lock --wait 0", extra: []string{anyBytes}, code: usage, want: "UTF-8"},
		{args: "lock --wait -1s m", code: usage, want: "--wait"},
		{args: "lock --wait 0 --ttl -1s m", code: usage, want: "--ttl"},
		{args: "lock --wait 0 --lock-delay 2h m", want: "1m"},
		{args: "elect", extra: []string{"", "v"}, want: "name"},
		{args: "queue put " + long + " body", code: failed, want: "256"},
		{args: "queue put", extra: []string{anyBytes, "body"}, code: usage, want: "UTF-8"},
		{args: "queue put jobs body --delay -1s", code: usage, want: "--delay"},
		{args: "service register", extra: []string{"", "10.0.0.1:80"}, want: "service"},
		{args: "namespace create Not/A/Name", code: failed, want: "a-z"},
		{args: "-n missing put k v", code: failed, want: "namespace"},
		{args: "namespace delete missing", code: failed, want: "namespace"},

		{args: "lease grant -- -5s", code: usage, want: "TTL"},
		{args: "lease grant 0s", code: usage, want: "TTL"},
		{args: "lease grant 5ms", code: usage, want: "100ms"},
		{args: "lease grant 25h", code: usage, want: "24h"},
		{args: "lease grant 2562047h", code: usage, want: "24h"},
		{args: "lease grant 99999999999h", code: usage, want: "TTL"},
		{args: "lease grant tomorrow", code: usage, want: "TTL"},
		{args: "lease get 424242", code: failed, want: "lease"},
		{args: "lease revoke 424242", code: failed, want: "lease"},
		{args: "put --lease 424242 k v", code: failed, want: "lease"},

		{args: "put --hold mutex:held:1 kept stolen", code: failed, want: "is not held with token 1"},
		{args: "put --hold mutex:held kept stolen", code: usage, want: "--hold"},
		{args: "queue ack jobs 1 1", code: failed, want: "has been claimed again"},
		{args: "queue ack jobs 77 1", code: failed, want: "job"},
		{args: "queue stats missing", code: failed, want: "queue"},
		{args: "election resign missing --reason x", code: failed, want: "lead"},
		{args: "lock --wait 0 held", code: failed, want: "held by the stage"},

		{args: "get kept --rev 1000000", code: failed, want: "not written yet"},
		{args: "get kept --rev 1", code: failed, want: "compacted"},
		{args: "get kept --rev -1", code: usage, want: "--rev"},
		{args: "watch kept --rev 1", code: failed, want: "older than what is kept"},
		{args: "compact 1000000", code: failed, want: "not written yet"},
		{args: "compact 1", code: failed, want: "compacted"},
		{args: "txn", stdin: "value(kept = 1\n\nput a b\n", code: usage, want: "line 1"},

		{args: "member replace missing", code: failed, want: "missing"},
		{args: "member replace n1", code: failed, want: "only node"},
		{args: "move-leader missing", code: failed, want: "missing"},
		{args: "--endpoints http://127.0.0.1:1 --timeout 1s get kept", code: noReach, want: "cannot reach http://127.0.0.1:1"},
		{args: "--endpoints ftp://127.0.0.1 get kept", code: usage, want: "--endpoints"},
		{args: "--endpoints http://127.0.0.1:1 endpoint health -w json", code: noReach, want: "1 of 1 endpoints", prints: true},
	} {
		name := c.args
		if len(name) > 60 {
			name = name[:60] + "…"
		}
		t.Run(name, func(t *testing.T) {
			ended := runWith(t, one.nodes[0], c.stdin, append(strings.Fields(c.args), c.extra...)...)
			if c.prints {
				ended.stdout = ""
			}
			ended.refused(t, c.want)
			if c.code != 0 && ended.code != c.code {
				t.Errorf("exit code %d, want %d", ended.code, c.code)
			}
		})
	}
	if after := revisionOf(t, one); after != before {
		t.Errorf("what was refused took the revisions from %d to %d", before, after)
	}
	if got := one.nodes[0].on(t, "get", "kept", "--print-value-only").ok(t); got != "as it was\n" {
		t.Errorf("the key that was there has %q", got)
	}
}

// runWith runs a command with something on its standard input.
func runWith(t *testing.T, n *node, stdin string, args ...string) ended {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), commandTimeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, binary(t), args...)
	cmd.Env = append(environment(), "CONCLAVE_ENDPOINTS="+n.clientURL)
	cmd.Stdin = strings.NewReader(stdin)
	ended, err := finish(ctx, cmd)
	if err != nil {
		t.Fatal(err)
	}
	return ended
}

// stage prepares what the wrong commands are about: a key, a compacted past, a
// mutex that is held and a job that is claimed.
func stage(t *testing.T, c *cluster) {
	t.Helper()
	ctx := within(t, patience)
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	session, err := c.client.NewSession(ctx, conclave.WithIdentity("the stage"))
	must(err)
	_, err = session.Mutex("held").Lock(ctx)
	must(err)
	_, err = c.client.Queue("jobs").Enqueue(ctx, []byte("work"))
	must(err)
	_, err = session.Queue("jobs").Claim(ctx, 1, conclave.WithClaimFor(time.Hour))
	must(err)
	revision, err := c.client.Put(ctx, "kept", "as it was")
	must(err)
	must(c.client.Compact(ctx, revision))
}

func revisionOf(t *testing.T, c *cluster) conclave.Revision {
	t.Helper()
	res, err := c.client.Range(within(t, patience), "kept")
	if err != nil {
		t.Fatal(err)
	}
	return res.Revision
}

// What is no request at all is refused as one, by a server that goes on.
func TestWrongRequests(t *testing.T) {
	t.Parallel()
	one := startCluster(t, 1)
	put := one.nodes[0].clientURL + "/conclave.v1.KVService/Put"
	for _, c := range []struct {
		name, kind, body string
		want             string
	}{
		{"not JSON", "application/json", `{"key":`, "invalid_argument"},
		{"a field that is not there", "application/json", `{"kee":"k"}`, "invalid_argument"},
		{"not UTF-8", "application/json", `{"key":"` + anyBytes + `"}`, "invalid_argument"},
		{"not a message", "application/proto", anyBytes, "invalid_argument"},
		{"more than a request may have", "application/json", `{"key":"k","value":{"text":"` + strings.Repeat("x", 5<<20) + `"}}`, "resource_exhausted"},
		{"nested without end", "application/json", strings.Repeat(`{"value":{"json":[`, 20_000), "invalid_argument"},
	} {
		t.Run(c.name, func(t *testing.T) {
			res, err := http.Post(put, c.kind, bytes.NewReader([]byte(c.body)))
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = res.Body.Close() }()
			answer, err := io.ReadAll(res.Body)
			if err != nil {
				t.Fatal(err)
			}
			if res.StatusCode < 400 || res.StatusCode >= 500 || !strings.Contains(string(answer), c.want) {
				t.Errorf("%s: %s", res.Status, answer)
			}
		})
	}
	one.nodes[0].on(t, "put", "still", "there").ok(t)
}
