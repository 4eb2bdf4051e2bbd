package cluster

import (
	"fmt"

	"github.com/conclavehq/conclave/cluster/transport"
)

// admit judges a node that opens a Raft connection, or answers one, by the node
// table (promise S2). This node's table may be behind: what only a newer one
// could explain is not refused, but asked to come again.
//
//	the table has        the node says             verdict
//	────────────────────────────────────────────────────────────────
//	nothing, not loaded  anything                  not yet
//	no such name         an initial member         admitted
//	no such name         another name              not yet
//	generation g         generation > g            not yet
//	generation g         generation < g            refused: replaced
//	g, no incarnation    generation g              admitted
//	g, incarnation       g, the same               admitted
//	g, incarnation       g, another                refused: data lost
//
// Who passes as itself may still have come back with an old copy of its data; see
// [history].
func (d *directory) admit(peer transport.Hello) error {
	node := d.node(peer.Name)
	switch {
	case node == nil && !d.cluster.loaded.Load() && d.cluster.id.Complete:
		return transport.ErrNotYet
	case node == nil:
		if _, ok := d.configured[peer.Name]; ok && peer.Generation == 1 {
			return nil
		}
		return transport.ErrNotYet
	case peer.Generation > node.GetGeneration():
		return transport.ErrNotYet
	case peer.Generation < node.GetGeneration():
		return lost(peer.Name, fmt.Sprintf("node %q was replaced", peer.Name))
	case node.GetIncarnation() != 0 && node.GetIncarnation() != peer.Incarnation:
		return lost(peer.Name, fmt.Sprintf("the cluster knows node %q with other data", peer.Name))
	}
	return checkStart(node, peer)
}
