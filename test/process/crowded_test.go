package process

import (
	"strings"
	"testing"
)

// While a node has too many connections, a command says so, and that nothing
// happened.
func TestCrowdedNode(t *testing.T) {
	n := limited(t)
	silent := connect(t, strings.TrimPrefix(n.clientURL, "http://"), fewDescriptors)
	for want, args := range map[string][]string{
		`put "k": nothing happened, because this node has too many connections`: {"put", "k", "v"},
		"too many connections; try again when there are fewer":                  {"endpoint", "status"},
		"are not healthy": {"endpoint", "health"},
	} {
		args = append(args, "--endpoints", n.clientURL, "--timeout", "500ms")
		if e := run(t, args...); e.code != noReach || !strings.Contains(e.stderr, want) || strings.Count(e.stderr, "\n") != 1 {
			t.Errorf("%q: %d, %q, want %q", args, e.code, e.stderr, want)
		}
	}
	for _, conn := range silent {
		_ = conn.Close()
	}
}
