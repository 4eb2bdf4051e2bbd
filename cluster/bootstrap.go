package cluster

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	logv1 "github.com/conclavehq/conclave/proto/gen/conclave/log/v1"
	peerv1 "github.com/conclavehq/conclave/proto/gen/conclave/peer/v1"
)

const (
	// identifyTimeout is how long a peer may take to say whom it knows.
	identifyTimeout = time.Second
	// joinPause is how long a node that must join waits before it asks again.
	joinPause = 500 * time.Millisecond
)

// identify finds out, or decides, who this node is:
//
//	directory   peers say                    this node
//	─────────────────────────────────────────────────────────────────────
//	has one     (not asked)                  is that one
//	empty       the name awaits a new node   joins as the replica they say
//	empty       the name has another one     refuses to start (promise S2)
//	empty       nothing, or unknown name     is an initial member, unless it
//	                                         was told that the cluster exists
func (c *Cluster) identify(ctx context.Context) error {
	release, err := openDir(c.cfg.Dir)
	if err != nil {
		return err
	}
	c.release = release
	stored, err := loadIdentity(c.cfg.Dir)
	if err != nil {
		return err
	}
	if stored != nil {
		if err := stored.check(&c.cfg); err != nil {
			return err
		}
		c.become(*stored)
		return nil
	}

	id := c.newIdentity()
	c.become(id)
	for {
		answer, err := c.askPeers(ctx)
		if err != nil {
			return err
		}
		switch {
		case answer != nil && answer.GetMustJoin():
			id.Join = true
			id.Generation, id.ReplicaID = answer.GetGeneration(), answer.GetReplicaId()
			id.DataShards = answer.GetDataShards()
		case answer != nil && answer.GetKnown():
			return lost(id.Name, "the cluster knows this node, and its data directory "+c.cfg.Dir+" is empty")
		case answer != nil && c.cfg.JoinExisting:
			return fmt.Errorf("the cluster exists and has no place for node %q; "+
				"run `conclave member replace NAME` to free the place of a member", id.Name)
		case c.cfg.JoinExisting:
			c.log.Info().Msg("waiting for a member of the existing cluster to answer")
			if !pause(ctx, nil, joinPause) {
				return errors.New("no member of the existing cluster answers")
			}
			continue
		}
		c.become(id)
		return id.save(c.cfg.Dir)
	}
}

// newIdentity is that of an initial member.
func (c *Cluster) newIdentity() identity {
	members := memberNames(c.cfg.InitialCluster)
	return identity{
		ClusterID:   clusterID(c.cfg.ClusterToken, members),
		Members:     members,
		Token:       c.cfg.ClusterToken,
		Name:        c.cfg.Name,
		Incarnation: max(1, rand.Uint64()),
		Generation:  1,
		ReplicaID:   uint64(slices.Index(members, c.cfg.Name) + 1),
		DataShards:  dataShards(c.cfg.DataShards),
	}
}

// become sets who this node is. Peers are told in every request.
func (c *Cluster) become(id identity) {
	c.id = id
	if c.client != nil {
		c.client.CloseIdleConnections()
	}
	c.client = newPeerClient(id, &c.cfg)
}

// learnNodes has a node that joins know who the others are: until it has the table
// of nodes, it could take nobody for a member who was replaced before. What it is
// told holds until then. Without an answer it knows the configured members only.
func (c *Cluster) learnNodes(ctx context.Context) {
	answers := c.allPeers(ctx)
	latest := make(map[string]*logv1.Node)
	for _, answer := range answers {
		if answer.GetClusterId() != c.id.ClusterID {
			continue
		}
		for _, n := range answer.GetNodes() {
			known := latest[n.GetName()]
			if known == nil || n.GetGeneration() > known.GetGeneration() ||
				n.GetGeneration() == known.GetGeneration() && known.GetIncarnation() == 0 {
				latest[n.GetName()] = &logv1.Node{Name: n.GetName(), Generation: n.GetGeneration(),
					Incarnation: n.GetIncarnation(), PeerUrl: n.GetPeerUrl()}
			}
		}
	}
	c.directory.expect(latest)
}

// askPeers asks all other members at once what they know of this node, and
// returns the answer that knows most; nil when none answers. It fails when one
// is of another cluster.
func (c *Cluster) askPeers(ctx context.Context) (*peerv1.IdentifyResponse, error) {
	answers := c.allPeers(ctx)
	var best *peerv1.IdentifyResponse
	for i, answer := range answers {
		switch {
		case answer == nil:
		case answer.GetClusterId() != c.id.ClusterID:
			return nil, fmt.Errorf("%s is a node of another cluster: the cluster token or the names of the members differ",
				c.cfg.InitialCluster[i].URL)
		case best == nil, answer.GetGeneration() > best.GetGeneration(),
			answer.GetGeneration() == best.GetGeneration() && best.GetMustJoin():
			// Of one generation, who has seen the new node register knows more.
			best = answer
		}
	}
	return best, nil
}

// allPeers asks all other members at once, and returns the answers in the order of
// the configuration; nil of who does not answer.
func (c *Cluster) allPeers(ctx context.Context) []*peerv1.IdentifyResponse {
	ctx, cancel := context.WithTimeout(ctx, identifyTimeout)
	defer cancel()
	answers := make([]*peerv1.IdentifyResponse, len(c.cfg.InitialCluster))
	var asking sync.WaitGroup
	for i, p := range c.cfg.InitialCluster {
		if p.Name == c.cfg.Name {
			continue
		}
		asking.Go(func() {
			answer, err := peerService(c.client, p.URL).Identify(ctx,
				&peerv1.IdentifyRequest{ClusterId: c.id.ClusterID, Name: c.cfg.Name})
			if err == nil {
				answers[i] = answer
			}
		})
	}
	asking.Wait()
	return answers
}
