package cluster

import (
	"context"
	"errors"
	"time"

	logv1 "github.com/conclavehq/conclave/proto/gen/conclave/log/v1"
	peerv1 "github.com/conclavehq/conclave/proto/gen/conclave/peer/v1"
)

// The pause between attempts to reach the others after a start, which doubles
// each time.
const (
	minAnnouncePause = 100 * time.Millisecond
	maxAnnouncePause = 5 * time.Second
)

// announce tells every other node once that this one is up, and where, by
// asking it something. A node that cannot be reached where it is believed to be
// is also tried where the configuration has it.
func (c *Cluster) announce(ctx context.Context) {
	waiting := c.peerNames()
	for wait := minAnnouncePause; len(waiting) > 0; wait = min(2*wait, maxAnnouncePause) {
		var silent []string
		for _, name := range waiting {
			if !c.reach(ctx, name) {
				silent = append(silent, name)
			}
		}
		waiting = silent
		if len(waiting) > 0 && !pause(ctx, nil, wait) {
			return
		}
	}
}

func (c *Cluster) reach(ctx context.Context, name string) bool {
	p := c.peer(name)
	for _, url := range []string{p.address(), c.directory.configured[name]} {
		if url == "" {
			continue
		}
		asking, cancel := context.WithTimeout(ctx, identifyTimeout)
		answer, err := peerService(c.client, url).Identify(asking,
			&peerv1.IdentifyRequest{ClusterId: c.id.ClusterID, Name: c.id.Name})
		cancel()
		if err == nil && answer.GetName() == name && answer.GetClusterId() == c.id.ClusterID {
			c.directory.found(name, url)
			return true
		}
	}
	return false
}

// found learns that a node answers at an address.
func (d *directory) found(name, url string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.urlLocked(name) != url {
		d.mu.moved[name] = url
		d.spreadLocked()
	}
}

// register puts this node on record, with its current addresses, and then waits
// for the default namespace and for a leader of every shard: from there on the
// node is part of the cluster and serves.
func (c *Cluster) register(ctx context.Context) {
	for {
		cmd, complete := c.registration()
		result, err := c.Propose(ctx, systemShard, cmd)
		if err == nil && result.GetRefusal() == nil {
			if !complete {
				c.work.Go(func() { c.registerStart(ctx) })
			}
			break
		}
		switch result.GetRefusal().GetReason() {
		case logv1.Reason_REASON_UNSPECIFIED:
		case logv1.Reason_REASON_NODE_REPLACED:
			c.history.withdraw(c.cfg.Dir)
			c.fatal(lost(c.id.Name, result.GetRefusal().GetDetail()))
			return
		default:
			c.fatal(errors.New("the cluster does not take this node: " + result.GetRefusal().GetDetail()))
			return
		}
		c.log.Debug().Err(err).Msg("cannot register this node yet")
		if c.id.Join {
			c.learnNodes(ctx) // whoever was down when this node started
		}
		if !pause(ctx, nil, joinPause) {
			return
		}
	}
	for {
		changed := c.directory.change()
		if c.directory.namespace(DefaultNamespace) != nil {
			break
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return
		}
	}
	for _, s := range c.shards {
		if _, _, err := c.waitLeader(ctx, s); err != nil {
			return // stopping
		}
	}
	close(c.ready)
}

// ensurePeer makes a node known to this one, or moves it.
func (c *Cluster) ensurePeer(name, url string) {
	c.peersMu.Lock()
	defer c.peersMu.Unlock()
	if p := c.peers[name]; p != nil {
		p.moveTo(url)
		return
	}
	if c.loops.Err() != nil {
		return
	}
	p := newPeer(name, url, c.client)
	c.peers[name] = p
	c.work.Go(func() { p.calls.run(c.loops) })
	c.work.Go(func() { c.watchRoomOf(c.loops, p) })
}

// peer is another node, nil if it is not known.
func (c *Cluster) peer(name string) *peer {
	c.peersMu.Lock()
	defer c.peersMu.Unlock()
	return c.peers[name]
}

// peerOf is the node that runs the replicas of an id.
func (c *Cluster) peerOf(replica uint64) *peer {
	return c.peer(c.directory.nameOf(replica))
}

// peerNames are the names of the other nodes.
func (c *Cluster) peerNames() []string {
	c.peersMu.Lock()
	defer c.peersMu.Unlock()
	names := make([]string, 0, len(c.peers))
	for name := range c.peers {
		names = append(names, name)
	}
	return names
}
