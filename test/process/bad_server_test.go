package process

import (
	"encoding/json"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// cannotStart starts a node that is expected to end by itself, and checks that it
// says why in one sentence that contains want. Besides that it may only have
// logged.
func (n *node) cannotStart(t *testing.T, want string) {
	t.Helper()
	n.start()
	if code := n.waitExit(); code == 0 {
		t.Errorf("the node ended with exit code 0:\n%s", n.tail())
	}
	n.saidWhy(t, want)
}

// saidWhy checks the last words of a node that has ended: a sentence of the
// program, or a line of the log when the node ended on the spot.
func (n *node) saidWhy(t *testing.T, want string) (sentence string) {
	t.Helper()
	var sentences []string
	for line := range strings.Lines(n.output()) {
		line = strings.TrimSuffix(line, "\n")
		var logged struct{ Level, Message string }
		if json.Unmarshal([]byte(line), &logged) != nil {
			sentences = append(sentences, line)
		} else if logged.Level == "fatal" {
			sentences = append(sentences, "conclave: "+logged.Message)
		}
	}
	if len(sentences) != 1 || !strings.HasPrefix(sentences[0], "conclave: ") || !strings.Contains(sentences[0], want) {
		t.Errorf("want one sentence with %q, got %q in:\n%s", want, sentences, n.tail())
		return ""
	}
	return sentences[0]
}

// A node that is started wrongly says what is wrong, and leaves alone what is
// there.
func TestWrongStarts(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		// spoil prepares the mistake and returns what the sentence has to say.
		spoil func(t *testing.T, n *node) string
	}{
		{"unknown flag", func(_ *testing.T, n *node) string {
			n.set("frobnicate", "1")
			return "no flag --frobnicate"
		}},
		{"a client's flag", func(_ *testing.T, n *node) string {
			n.set("endpoints", "http://127.0.0.1:1")
			return "no flag --endpoints"
		}},
		{"unknown variable", func(_ *testing.T, n *node) string {
			n.by = byVariables
			n.set("frobnicate", "1")
			return "frobnicate"
		}},
		{"unknown key of the file", func(_ *testing.T, n *node) string {
			n.by = byFile
			n.set("frobnicate", "1")
			return `no setting "frobnicate"`
		}},
		{"client port in use", func(t *testing.T, n *node) string { return occupy(t, n.clientURL) }},
		{"peer port in use", func(t *testing.T, n *node) string { return occupy(t, n.peerURL) }},
		{"a file as data directory", func(t *testing.T, n *node) string {
			overwrite(t, n.dir, "not a directory")
			return "data directory"
		}},
		{"unwritable data directory", func(t *testing.T, n *node) string {
			n.set("data-dir", unwritable(t))
			return "data directory"
		}},
		{"a name that is not listed", func(_ *testing.T, n *node) string {
			n.set("name", "n7")
			return "--initial-cluster does not list this node"
		}},
		{"a negative number", func(_ *testing.T, n *node) string {
			n.set("snapshot-count", "-1")
			return "snapshot-count"
		}},
		{"https", func(_ *testing.T, n *node) string {
			n.set("listen-client-urls", "https://127.0.0.1:7400")
			return "only http:// URLs"
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			n := prepareCluster(t, 1).nodes[0]
			n.cannotStart(t, c.spoil(t, n))
		})
	}
}

// occupy listens where a node wants to.
func occupy(t *testing.T, url string) string {
	t.Helper()
	address := strings.TrimPrefix(url, "http://")
	l, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return address + " is in use by another process"
}

// unwritable is where no directory can be made, not even by root.
func unwritable(t *testing.T) string {
	t.Helper()
	if os.Geteuid() == 0 {
		return "/sys/conclave"
	}
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o500); err != nil {
		t.Fatal(err)
	}
	return filepath.Join(dir, "n1")
}

// overwrite replaces the content of a file.
func overwrite(t *testing.T, path, content string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

// A second process on the data directory of a running node, and a node with
// another cluster's token, name or members, are refused; the first goes on.
func TestWrongDirectory(t *testing.T) {
	t.Parallel()
	c := startCluster(t, 1)
	first := c.nodes[0]
	first.on(t, "put", "kept", "as it was").ok(t)

	second := *prepareCluster(t, 1).nodes[0]
	second.dir, second.cluster = first.dir, first.name+"="+second.peerURL
	second.cannotStart(t, "is in use by another process")

	first.on(t, "get", "kept").ok(t)
	first.stop()
	for name, want := range map[string]string{
		"initial-cluster-token": "another token",
		"name":                  `belongs to node "n1"`,
	} {
		other := *first
		other.set(name, "other")
		if name == "name" {
			other.set("initial-cluster", "other="+first.peerURL)
		}
		other.cannotStart(t, want)
	}
	first.start()
	first.waitReady()
	if got := first.on(t, "get", "kept", "--print-value-only").ok(t); got != "as it was\n" {
		t.Errorf("the key that was there has %q", got)
	}
}

// A node that has another token than those it wants to join ends, and they go on.
func TestWrongToken(t *testing.T) {
	t.Parallel()
	three := prepareCluster(t, 3)
	for _, n := range three.nodes[:2] {
		n.start()
	}
	for _, n := range three.nodes[:2] {
		n.waitReady()
	}
	stranger := three.nodes[2]
	stranger.set("initial-cluster-token", "other")
	stranger.cannotStart(t, "another cluster")
	three.nodes[0].on(t, "put", "k", "v").ok(t)
}
