package cluster

import (
	"context"
	"errors"
	"fmt"
	"time"

	peerv1 "github.com/conclavehq/conclave/proto/gen/conclave/peer/v1"
)

const (
	// roomPause is how often a node looks at its disk. Of what is written
	// meanwhile, the least room has to hold the most.
	roomPause = 100 * time.Millisecond
	// looksPerState is every how many looks it asks how large its state is.
	looksPerState = 10
	// peerRoomPause is how often it asks each other node.
	peerRoomPause = 500 * time.Millisecond
	// mostPending is more than what all replicas together have in memory for the disk.
	mostPending = 4 << 30
)

// checkLeastRoom refuses to start where there could never be room enough.
func (c *Cluster) checkLeastRoom() error {
	if c.cfg.LeastRoom == nil {
		return nil
	}
	_, total, err := c.cfg.DiskRoom(c.cfg.Dir)
	if err != nil {
		return nil // watchRoom says so
	}
	if least := c.cfg.LeastRoom(total); least >= total {
		return fmt.Errorf("the disk of %s has %d MiB in all, and %d MiB of it have to stay free: writes would be refused for ever; ask for less",
			c.cfg.Dir, total>>20, least>>20)
	}
	return nil
}

// watchRoom looks at this node's disk until ctx ends.
func (c *Cluster) watchRoom(ctx context.Context) {
	if c.cfg.LeastRoom == nil {
		return
	}
	ticker := time.NewTicker(roomPause)
	defer ticker.Stop()
	silent := false
	for looks := 0; ; looks++ {
		if looks%looksPerState == 0 {
			c.room.holds(c.stateBytes())
		}
		err := c.lookAtRoom()
		if err != nil && !silent && !errors.Is(err, errors.ErrUnsupported) {
			c.log.Warn().Err(err).Msg("cannot tell how much room is on the disk; it is not watched until that works")
		}
		silent = err != nil
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
	}
}

// lookAtRoom looks once, and has room made while little is left.
func (c *Cluster) lookAtRoom() error {
	free, total, err := c.cfg.DiskRoom(c.cfg.Dir)
	if err != nil {
		return err
	}
	own := DiskRoom{Free: free, Least: c.cfg.LeastRoom(total)}
	if free < own.Least+mostPending {
		own.Free = max(0, own.Free-c.pending()) // what waits may be more than there is
	}
	c.room.look(&own, time.Now())
	c.heardOfRoom(c.id.Name, own.Short, 0)
	// To make room takes some: with none at all the attempt would end the process.
	if own.Free < 2*own.Least && free > own.Least/8 {
		select {
		case c.reclaim <- struct{}{}:
		default:
		}
	}
	return nil
}

// pending is what the replicas have in memory and will write.
func (c *Cluster) pending() (bytes int64) {
	for _, s := range c.shards {
		bytes += s.machine.PendingBytes()
	}
	return bytes
}

// stateBytes is what the replicas take on disk, and will take.
func (c *Cluster) stateBytes() (bytes int64) {
	for _, s := range c.shards {
		bytes += s.machine.DiskBytes() + s.machine.PendingBytes()
	}
	return bytes
}

// heardOfRoom notes how a node stands, and logs what changes.
func (c *Cluster) heardOfRoom(node string, short bool, lasts time.Duration) {
	changed, all := c.room.tell(node, short, lasts, time.Now())
	if !changed {
		return
	}
	switch own := c.DiskRoom(); {
	case short && node == c.id.Name:
		c.log.Error().Int64("free_bytes", own.Free).Int64("least_bytes", own.Least).Str("dir", c.cfg.Dir).
			Msg("the disk is nearly full: the cluster refuses what makes its state larger, until there is room; reads, releases and deletes that it has room for go on")
	case short:
		c.log.Warn().Str("peer", node).Msg("a node's disk is nearly full: the cluster refuses what makes its state larger, until there is room")
	default:
		c.log.Info().Str("peer", node).Bool("all", all).Msg("the node's disk has room again")
	}
}

// watchRoomOf asks another node how it stands until ctx ends.
func (c *Cluster) watchRoomOf(ctx context.Context, p *peer) {
	for pause(ctx, nil, peerRoomPause) {
		asking, cancel := context.WithTimeout(ctx, reachTimeout)
		answer, err := p.service().Status(asking, &peerv1.StatusRequest{})
		cancel()
		switch {
		case err == nil:
			c.room.toldSpare(p.name, answer.SpareBytes, time.Now())
			c.heardOfRoom(p.name, answer.GetNoSpace(), peerRoomLasts)
		case c.room.overdue(p.name, time.Now()):
			c.heardOfRoom(p.name, false, 0)
		}
	}
}
