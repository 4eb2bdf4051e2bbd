//go:build linux

package rig

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/conclavehq/conclave/test/faults/disk"
	"github.com/conclavehq/conclave/test/faults/rig/link"
)

// Ports that each node has on its address.
const (
	clientPort = "7400"
	etcdPort   = "2379"
	peerPort   = "7401"
)

// Cluster is some nodes that know each other. Its methods may be used by many
// goroutines.
type Cluster struct {
	network *link.Network
	nodes   []*Node
	ask     *asker

	log   sync.Mutex // orders lines
	lines io.Writer

	endings sync.Mutex // guards ends
	ends    []End
}

// Start starts a cluster and waits until all nodes serve. The error says which one
// does not, and what it logged last. The context bounds only the start.
func Start(ctx context.Context, cfg Config) (*Cluster, error) {
	c, err := prepare(cfg)
	if err != nil {
		return nil, err
	}
	if err := c.start(ctx); err != nil {
		return nil, errors.Join(err, c.Close())
	}
	return c, nil
}

// prepare makes everything but processes.
func prepare(cfg Config) (*Cluster, error) {
	if cfg.Nodes < 1 {
		return nil, errors.New("a cluster has at least one node")
	}
	dir, err := filepath.Abs(cfg.Dir)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(filepath.Join(dir, "logs"), 0o755); err != nil {
		return nil, err
	}
	var names []string
	for i := range cfg.Nodes {
		names = append(names, fmt.Sprintf("n%d", i+1))
	}
	network, err := link.New(link.Config{Nodes: names, Seed: cfg.Seed})
	if err != nil {
		return nil, err
	}
	sweepGroups()
	c := &Cluster{network: network, ask: newAsker(), lines: cfg.Log}
	if c.lines == nil {
		c.lines = io.Discard
	}
	var members []string
	for _, name := range names {
		n := &Node{name: name, host: network.Address(name).String(), cluster: c, binary: cfg.Binary, env: cfg.Env,
			dir: filepath.Join(dir, name), logPath: filepath.Join(dir, "logs", name+".log"), extra: cfg.Flags, group: newGroup(name)}
		members = append(members, name+"="+n.url(peerPort))
		c.nodes = append(c.nodes, n)
	}
	for _, n := range c.nodes {
		n.members = strings.Join(members, ",")
		if !cfg.Disks {
			continue
		}
		if n.disk, err = disk.Make(n.dir, cfg.DiskBytes); err != nil {
			return nil, errors.Join(fmt.Errorf("the disk of %s: %w", n.name, err), c.Close())
		}
		n.dir = filepath.Join(n.disk.Path(), "data")
	}
	return c, nil
}

func (c *Cluster) start(ctx context.Context) error {
	for _, n := range c.nodes {
		if err := n.Start(ctx); err != nil {
			return err
		}
	}
	for _, n := range c.nodes {
		if err := n.WaitReady(ctx); err != nil {
			return fmt.Errorf("%w; %s", err, n.lastLog(10))
		}
	}
	return nil
}

// Nodes are all nodes, n1 first.
func (c *Cluster) Nodes() []*Node { return c.nodes }

// Network is what connects the nodes and the clients.
func (c *Cluster) Network() *link.Network { return c.network }

// Node is the one of that name, or nil.
func (c *Cluster) Node(name string) *Node {
	for _, n := range c.nodes {
		if n.name == name {
			return n
		}
	}
	return nil
}

// Endpoints are the client URLs of all nodes.
func (c *Cluster) Endpoints() []string { return c.urls((*Node).ClientURL) }

// EtcdEndpoints are the URLs of all nodes for etcd's clients.
func (c *Cluster) EtcdEndpoints() []string { return c.urls((*Node).EtcdURL) }

func (c *Cluster) urls(of func(*Node) string) []string {
	var all []string
	for _, n := range c.nodes {
		all = append(all, of(n))
	}
	return all
}

// running are the nodes that have a process, paused ones included.
func (c *Cluster) running() []*Node {
	var all []*Node
	for _, n := range c.nodes {
		if n.PID() != 0 {
			all = append(all, n)
		}
	}
	return all
}

// Close kills all nodes and removes the network and the disks. Data that is not on
// disks of their own stays, and the logs.
func (c *Cluster) Close() error {
	for _, n := range c.nodes {
		n.Kill()
	}
	errs := []error{c.network.Close()}
	for _, n := range c.nodes {
		errs = append(errs, n.group.remove())
		if n.disk != nil {
			errs = append(errs, n.disk.Close())
		}
	}
	return errors.Join(errs...)
}

// note writes a line to the log of the harness.
func (c *Cluster) note(format string, args ...any) {
	c.log.Lock()
	defer c.log.Unlock()
	line := time.Now().UTC().Format("15:04:05.000") + " " + fmt.Sprintf(format, args...) + "\n"
	_, _ = io.WriteString(c.lines, line) // without a log the run goes on
}

// url is where a node listens.
func (n *Node) url(port string) string { return "http://" + net.JoinHostPort(n.host, port) }
