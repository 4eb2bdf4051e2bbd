package cluster

import (
	"context"
	"errors"
	"math"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	peerv1 "github.com/conclavehq/conclave/proto/gen/conclave/peer/v1"
)

const (
	// roomPause is how often a node looks at its disk. Of what is written
	// meanwhile, the least room has to hold the most.
	roomPause = 100 * time.Millisecond
	// looksPerState is every how many looks it asks how large its state is.
	looksPerState = 10
	// roomLasts is how long there has to be room before writes go on: a disk where
	// files are rewritten has some for moments.
	roomLasts = time.Second
	// peerRoomPause is how often it asks each other node, and peerRoomLasts how
	// long it believes an answer: a node that is gone does not stop the others.
	peerRoomPause = 500 * time.Millisecond
	peerRoomLasts = 5 * time.Second
)

// room is what this node knows of the space on the nodes' disks. While one has
// too little, leaders log nothing that makes the state larger: every replica that
// has room now needs it for that, and one without would end (promise S3). For the
// same reason they log no delete that moves more than every node has to spare
// (deletes.go).
//
//	roomy ──free < least on some node──▶ short ──free ≥ 5/4 least on all, for a second──▶ roomy
//
// Apply knows nothing of it: what is in the log is applied.
type room struct {
	// short says that some node has too little, and tight that one is, or has less to
	// spare than could be deleted at once. Batchers look at tight, and at the rest
	// only then.
	short, tight atomic.Bool

	mu struct {
		sync.Mutex
		// until is how long the nodes without room are believed to have none.
		until map[string]time.Time
		own   DiskRoom
		// lacked is when this node had too little last.
		lacked time.Time
		// spare is what the other nodes have to spare, of those that watch their disks.
		spare map[string]peerSpare
		// state is what this node's replicas take on disk; 0: not known.
		state int64
		// granted is what deletes were granted lately, which the disks do not show yet.
		granted granted
	}
}

// peerSpare is what another node has to spare, and how long that is believed.
type peerSpare struct {
	bytes int64
	until time.Time
}

// DiskRoom is the space on this node's disk.
type DiskRoom struct {
	// Free is what may still be written, without what waits in memory for its
	// turn, and Least what must stay; 0 when nobody watches.
	Free, Least int64
	// Short says that this node has too little.
	Short bool
}

// spare is what deletes of keys may move to the history on this disk: half of what
// there is beyond half of the least, because compactions write the new tables before
// they remove the old ones. watched is false when nobody knows.
func (d *DiskRoom) spare() (bytes int64, watched bool) {
	return (d.Free - d.Least/2) / 2, d.Least > 0
}

// look decides whether this node is short of room, and keeps what it has.
func (r *room) look(own *DiskRoom, now time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if own.Free < own.Least || r.mu.own.Short && own.Free < own.Least+own.Least/4 {
		r.mu.lacked = now
	}
	own.Short = now.Equal(r.mu.lacked) || r.mu.own.Short && now.Sub(r.mu.lacked) < roomLasts
	r.mu.own = *own
	r.weighLocked(now)
}

// toldSpare notes what another node has to spare; nil: it does not know.
func (r *room) toldSpare(node string, bytes *int64, now time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if bytes == nil {
		delete(r.mu.spare, node)
	} else {
		if r.mu.spare == nil {
			r.mu.spare = make(map[string]peerSpare)
		}
		r.mu.spare[node] = peerSpare{bytes: *bytes, until: now.Add(peerRoomLasts)}
	}
	r.weighLocked(now)
}

// holds notes what this node's replicas take on disk.
func (r *room) holds(bytes int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.mu.state = bytes
}

// weighLocked decides whether what commands delete has to be looked at. No delete
// moves more than there is; twice that is more than what is written until the next
// look.
func (r *room) weighLocked(now time.Time) {
	spare := r.spareLocked(now)
	r.tight.Store(len(r.mu.until) > 0 || spare != math.MaxInt64 && (r.mu.state == 0 || spare < 2*r.mu.state))
}

// spareLocked is what the node with the least has to spare; of those that nobody
// watches that is without end.
func (r *room) spareLocked(now time.Time) int64 {
	least := int64(math.MaxInt64)
	if own, watched := r.mu.own.spare(); watched {
		least = own
	}
	for _, spare := range r.mu.spare {
		if now.Before(spare.until) {
			least = min(least, spare.bytes)
		}
	}
	return least
}

// tell notes whether a node has too little room, and says whether that changed
// anything for the node or for the cluster.
func (r *room) tell(node string, short bool, lasts time.Duration, now time.Time) (changed, all bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	before, was := len(r.mu.until), !r.mu.until[node].IsZero()
	if r.mu.until == nil {
		r.mu.until = make(map[string]time.Time)
	}
	if short {
		r.mu.until[node] = now.Add(lasts)
	} else {
		delete(r.mu.until, node)
	}
	r.short.Store(len(r.mu.until) > 0)
	r.weighLocked(now)
	return short != was, (before > 0) != (len(r.mu.until) > 0)
}

// overdue says whether a node was believed to be short and has not said so again.
func (r *room) overdue(node string, now time.Time) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	until, short := r.mu.until[node]
	return short && now.After(until)
}

// nodes are those without room, sorted.
func (r *room) nodes() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	names := make([]string, 0, len(r.mu.until))
	for name := range r.mu.until {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// DiskRoom tells how much room there is on this node's disk. It asks nobody.
func (c *Cluster) DiskRoom() DiskRoom {
	c.room.mu.Lock()
	defer c.room.mu.Unlock()
	return c.room.mu.own
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

func (c *Cluster) lookAtRoom() error {
	free, total, err := c.cfg.DiskRoom(c.cfg.Dir)
	if err != nil {
		return err
	}
	own := DiskRoom{Free: free, Least: c.cfg.LeastRoom(total)}
	if free < own.Least+mostPending {
		own.Free -= c.pending()
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

// mostPending is more than what all replicas together have in memory for the disk.
const mostPending = 4 << 30

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
