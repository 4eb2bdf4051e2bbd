package rig

import (
	"strconv"
	"strings"
	"testing"
)

// Cluster is some nodes of one kind that serve together.
type Cluster struct {
	// Kind is Etcd or Conclave.
	Kind Program
	// Nodes in the order of their names n1, n2, …
	Nodes []*Node
}

// Each runs a test against etcd and against Conclave, as subtests of these names.
func Each(t *testing.T, test func(t *testing.T, kind Program)) {
	t.Helper()
	t.Run("etcd", func(t *testing.T) { test(t, Etcd) })
	t.Run("conclave", func(t *testing.T) { test(t, Conclave) })
}

// Start starts a cluster of n nodes and waits until all of them serve. Further
// flags are given to each.
func Start(t testing.TB, kind Program, n int, flags ...string) *Cluster {
	t.Helper()
	c := Prepare(t, kind, n, flags...)
	for _, node := range c.Nodes {
		node.Start()
	}
	for _, node := range c.Nodes {
		node.WaitReady()
	}
	for _, node := range c.Nodes {
		node.waitSettled()
	}
	return c
}

// Prepare is Start without starting anything.
func Prepare(t testing.TB, kind Program, n int, flags ...string) *Cluster {
	t.Helper()
	c := &Cluster{Kind: kind}
	addresses := Addresses(t, 3*n)
	var members []string
	for i := range n {
		members = append(members, "n"+strconv.Itoa(i+1)+"=http://"+addresses[3*i])
	}
	for i := range n {
		node := &Node{
			Name:     "n" + strconv.Itoa(i+1),
			Endpoint: addresses[3*i+1],
			Site:     addresses[3*i+2],
			Peer:     addresses[3*i],
			program:  kind,
			t:        t,
		}
		node.args = node.arguments(t.TempDir(), strings.Join(members, ","))
		node.args = append(node.args, flags...)
		if kind == Etcd {
			node.Site = node.Endpoint
		}
		c.Nodes = append(c.Nodes, node)
		t.Cleanup(node.clean)
	}
	return c
}

// arguments are the command line of a node.
func (n *Node) arguments(dir, members string) []string {
	client, peer := "http://"+n.Endpoint, "http://"+n.Peer
	common := []string{"--name", n.Name, "--data-dir", dir,
		"--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer, "--initial-cluster", members}
	if n.program == Etcd {
		return append(common, "--listen-client-urls", client, "--advertise-client-urls", client, "--unsafe-no-fsync")
	}
	return append([]string{"server"}, append(common, "--listen-client-urls", "http://"+n.Site,
		"--listen-etcd-urls", client, "--log-format", "json")...)
}

// clean ends the node, and shows what it had to say if the test failed.
func (n *Node) clean() {
	const enough = 4000
	if out := n.Output(); n.t.Failed() && out != "" {
		n.t.Logf("the last of what %s logged:\n%s", n.Name, out[max(0, len(out)-enough):])
	}
	n.Kill()
}

// Endpoints are the addresses of all nodes for etcd's clients.
func (c *Cluster) Endpoints() []string {
	var all []string
	for _, n := range c.Nodes {
		all = append(all, n.Endpoint)
	}
	return all
}
