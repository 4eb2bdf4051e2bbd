package cluster

import (
	"math"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// roomLasts is how long there has to be room before writes go on: a disk where
	// files are rewritten has some for moments.
	roomLasts = time.Second
	// peerRoomLasts is how long a node believes what another one said of its disk: a
	// node that is gone does not stop the others.
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
