package system

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"time"
)

// readyWithin bounds how long a cluster may take until all nodes serve.
const readyWithin = 2 * time.Minute

// Cluster is a running cluster of one system.
type Cluster struct {
	system  System
	program string
	nodes   []Node
	running []*process
	// profiled says that the nodes serve profiles.
	profiled bool
}

// Start makes a new cluster with its data in an empty directory, and returns
// when every node serves. LiveHeap works on a profiled cluster only.
func Start(ctx context.Context, s System, program, dir string, nodes int, profiled bool) (*Cluster, error) {
	c := &Cluster{system: s, program: program, profiled: profiled}
	addresses, err := freeAddresses(ctx, 3*nodes)
	if err != nil {
		return nil, err
	}
	for i := range nodes {
		name := fmt.Sprintf("n%d", i+1)
		c.nodes = append(c.nodes, Node{
			Name:      name,
			Dir:       filepath.Join(dir, name),
			ClientURL: "http://" + addresses[3*i],
			PeerURL:   "http://" + addresses[3*i+1],
			DebugURL:  "http://" + addresses[3*i+2],
		})
	}
	if err := c.start(ctx); err != nil {
		return nil, errors.Join(err, c.Stop())
	}
	return c, nil
}

// Dial makes a client that knows all nodes.
func (c *Cluster) Dial(ctx context.Context) (Client, error) {
	return c.system.Dial(ctx, c.Endpoints())
}

// Endpoints are the nodes' client URLs.
func (c *Cluster) Endpoints() []string {
	urls := make([]string, len(c.nodes))
	for i, n := range c.nodes {
		urls[i] = n.ClientURL
	}
	return urls
}

// Restart stops all nodes in order and starts them again. It returns how long it
// took from the start of the processes until all of them serve.
func (c *Cluster) Restart(ctx context.Context) (time.Duration, error) {
	if err := c.Stop(); err != nil {
		return 0, err
	}
	began := time.Now()
	err := c.start(ctx)
	return time.Since(began), err
}

// Stop ends all nodes. It fails when one had to be killed.
func (c *Cluster) Stop() error {
	var failures []error
	for _, p := range c.running {
		p.terminate()
	}
	for _, p := range c.running {
		failures = append(failures, p.wait())
	}
	c.running = nil
	return errors.Join(failures...)
}

func (c *Cluster) start(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, readyWithin)
	defer cancel()
	for _, n := range c.nodes {
		if err := os.MkdirAll(filepath.Dir(n.Dir), 0o700); err != nil {
			return err
		}
		arguments := c.system.Arguments(n, c.nodes)
		if c.profiled {
			profiles, _ := c.system.Profiles(n)
			arguments = append(arguments, profiles...)
		}
		p, err := launch(n.Name, n.Dir+".log", c.program, arguments...)
		if err != nil {
			return err
		}
		c.running = append(c.running, p)
	}
	for i, n := range c.nodes {
		if err := c.awaitReady(ctx, c.running[i], n); err != nil {
			return err
		}
	}
	return nil
}

func (c *Cluster) awaitReady(ctx context.Context, p *process, n Node) error {
	for {
		attempt, cancel := context.WithTimeout(ctx, 2*time.Second)
		err := c.system.Ready(attempt, n.ClientURL)
		cancel()
		if err == nil {
			return nil
		}
		select {
		case <-p.ended:
			return fmt.Errorf("%s %s ended while starting: %s", c.system.Name(), n.Name, p.lastWords())
		case <-ctx.Done():
			return fmt.Errorf("%s %s does not serve after %s: %w", c.system.Name(), n.Name, readyWithin, err)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// freeAddresses finds ports of the loopback interface that nobody uses.
func freeAddresses(ctx context.Context, n int) ([]string, error) {
	addresses := make([]string, n)
	for i := range addresses {
		l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
		if err != nil {
			return nil, err
		}
		defer l.Close() // together at the end, so that no port is given twice
		addresses[i] = l.Addr().String()
	}
	return addresses, nil
}
