package cluster

import (
	"errors"
	"strings"
	"testing"

	logv1 "github.com/conclavehq/conclave/proto/gen/conclave/log/v1"
)

// Promise S4: what some node's program does not know is never proposed.
func TestNothingNewBeforeAllKnowIt(t *testing.T) {
	c := &Cluster{
		cfg:      Config{InitialCluster: []Peer{{Name: "n1"}, {Name: "n2"}}},
		formatOf: func(cmd *logv1.Command) uint32 { return 1 + uint32(cmd.GetNamespaceId()) },
	}
	c.directory = newDirectory(c)
	old, recent := &logv1.Command{}, &logv1.Command{NamespaceId: 1}

	for _, step := range []struct {
		name    string
		nodes   map[string]*logv1.Node
		refused string
	}{
		{"n2 has never registered", map[string]*logv1.Node{"n1": {Name: "n1", Format: 2}}, `"n2"`},
		{"n1 is behind", map[string]*logv1.Node{"n1": {Name: "n1"}, "n2": {Name: "n2", Format: 2}}, `"n1"`},
		{"all know it", map[string]*logv1.Node{"n1": {Name: "n1", Format: 2}, "n2": {Name: "n2", Format: 3}}, ""},
	} {
		c.directory.mu.nodes = step.nodes
		if err := c.knownToAll(old); err != nil {
			t.Errorf("%s: an old command: %v", step.name, err)
		}
		err := c.knownToAll(recent)
		var refusal *RefusedError
		switch {
		case step.refused == "" && err != nil:
			t.Errorf("%s: %v", step.name, err)
		case step.refused != "" && (!errors.As(err, &refusal) || !strings.Contains(err.Error(), step.refused)):
			t.Errorf("%s: got %v, want a refusal that names %s", step.name, err, step.refused)
		}
	}
}
