package process

import (
	"encoding/json"
	"strings"
	"testing"
)

// A value put on one node is read on the others, and each way of giving the
// settings makes the same cluster.
//
// Promise D2: reads are linearizable, on whichever node.
func TestThreeNodes(t *testing.T) {
	for _, c := range []struct {
		name string
		by   way
	}{
		{"flags", byFlags},
		{"environment variables", byVariables},
		{"a YAML file", byFile},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			three := prepareCluster(t, 3)
			for _, n := range three.nodes {
				n.by = c.by
			}
			three.start()
			everyNodeReads(t, three)
			oneNodeLeads(t, three)
			three.checkHashes()
		})
	}
}

func everyNodeReads(t *testing.T, three *cluster) {
	t.Helper()
	for _, writer := range three.nodes {
		writer.on(t, "put", "from/"+writer.name, "hello from "+writer.name).ok(t)
		for _, reader := range three.nodes {
			got := reader.on(t, "get", "from/"+writer.name, "-w", "json").ok(t)
			if !strings.Contains(got, `"hello from `+writer.name+`"`) {
				t.Errorf("%s reads %s of what %s wrote", reader.name, got, writer.name)
			}
		}
	}
}

// oneNodeLeads asks for the status as a list and as a table.
func oneNodeLeads(t *testing.T, three *cluster) {
	t.Helper()
	all := strings.Join(three.endpoints(), ",")
	printed := run(t, "--endpoints", all, "endpoint", "status", "-w", "json").ok(t)
	var list []map[string]any
	if err := json.Unmarshal([]byte(printed), &list); err != nil {
		t.Fatalf("endpoint status -w json: %v:\n%s", err, printed)
	}
	leaders := 0
	for _, endpoint := range list {
		if leads, ok := endpoint["is_leader"].(bool); !ok {
			t.Errorf("an endpoint without is_leader: %v", endpoint)
		} else if leads {
			leaders++
		}
	}
	if len(list) != 3 || leaders != 1 {
		t.Errorf("%d endpoints, %d leaders:\n%s", len(list), leaders, printed)
	}

	table := run(t, "--endpoints", all, "endpoint", "status", "-w", "table").ok(t)
	for _, n := range three.nodes {
		if !strings.Contains(table, n.clientURL) {
			t.Errorf("the table has no line for %s:\n%s", n.clientURL, table)
		}
	}
	t.Logf("\n%s", table)
}
