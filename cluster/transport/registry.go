package transport

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/lni/dragonboat/v4/config"
	"github.com/lni/dragonboat/v4/raftio"
)

// Registry knows where replicas live, in two steps: Dragonboat tells it which
// NodeHost a replica is on (that is replicated and never changes), and the
// cluster tells it, at any time, the name and the current address of that
// NodeHost. So nodes may move without touching Raft membership.
//
// It is a config.NodeRegistryFactory that returns itself. It outlives the
// NodeHost and is safe for concurrent use.
type Registry struct {
	mu       sync.RWMutex
	valid    config.TargetValidator     // Dragonboat's check of a NodeHostID, from Create on
	replicas map[raftio.NodeInfo]string // to NodeHostID
	nodes    map[string]node            // by NodeHostID
}

type node struct {
	name, addr string
	// label is what Dragonboat knows the address as: under another one, it does not
	// remember what failed before. number goes round from one label to the next.
	label  string
	number int
	// unreached says that the last connection to it failed.
	unreached bool
}

// labels is how many labels an address has: Dragonboat never forgets one. When
// they have gone round, what failed under the first is long over, unless a peer that
// cannot be reached knocks all the time; then Dragonboat's pauses are right.
const labels = 8

// labelMark is between an address and the number that makes a label of it.
const labelMark = "#"

// addrOf is the address that a label stands for.
func addrOf(label string) string {
	addr, _, _ := strings.Cut(label, labelMark)
	return addr
}

var (
	_ config.NodeRegistryFactory = (*Registry)(nil)
	_ raftio.INodeRegistry       = (*Registry)(nil)
)

// NewRegistry returns a Registry that knows nobody.
func NewRegistry() *Registry {
	return &Registry{
		replicas: make(map[raftio.NodeInfo]string),
		nodes:    make(map[string]node),
		valid:    func(string) bool { return true },
	}
}

// SetNode says that the NodeHost nodeHostID belongs to the node of that name and
// is reached at addr ("host:port"). A new address counts from the next message
// on.
func (r *Registry) SetNode(nodeHostID, name, addr string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if known := r.nodes[nodeHostID]; known.name != name || known.addr != addr {
		r.nodes[nodeHostID] = node{name: name, addr: addr, label: addr}
	}
}

// unreached notes that a connection to the nodes of a label failed. Dragonboat
// leaves them alone for a while then, and longer each time.
func (r *Registry) unreached(label string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for id, n := range r.nodes {
		if n.label == label {
			n.unreached = true
			r.nodes[id] = n
		}
	}
}

// heard notes that a node has connected to this one, so that it is worth trying
// again at once: one that has restarted, and campaigns, needs the answers.
func (r *Registry) heard(name string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for id, n := range r.nodes {
		if n.name == name && n.unreached {
			n.unreached = false
			n.number = n.number%labels + 1
			n.label = n.addr + labelMark + strconv.Itoa(n.number)
			r.nodes[id] = n
		}
	}
}

// DropNode forgets a NodeHost, as after its node was replaced.
func (r *Registry) DropNode(nodeHostID string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.nodes, nodeHostID)
}

// Create is called by NewNodeHost.
func (r *Registry) Create(_ string, _ uint64, valid config.TargetValidator) (raftio.INodeRegistry, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.valid = valid
	return r, nil
}

// Close is called by NodeHost.Close. It forgets the replicas, not the nodes.
func (r *Registry) Close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	clear(r.replicas)
	return nil
}

// Add says that a replica is on the NodeHost target. Dragonboat calls it for
// members as they are applied, and for the sender of every message. A target
// that is no NodeHostID, or not the one known for that replica, is ignored: it
// comes from a faulty peer, and a replica never moves. A NodeHost without an
// address is kept, because membership and addresses arrive independently.
func (r *Registry) Add(shardID, replicaID uint64, target string) {
	key := raftio.GetNodeInfo(shardID, replicaID)
	r.mu.RLock()
	_, known := r.replicas[key]
	valid := r.valid
	r.mu.RUnlock()
	if known || !valid(target) {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, known := r.replicas[key]; !known {
		r.replicas[key] = target
	}
}

// Remove forgets a replica.
func (r *Registry) Remove(shardID, replicaID uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.replicas, raftio.GetNodeInfo(shardID, replicaID))
}

// RemoveShard forgets all replicas of a shard.
func (r *Registry) RemoveShard(shardID uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for key := range r.replicas {
		if key.ShardID == shardID {
			delete(r.replicas, key)
		}
	}
}

// Resolve returns the label of a replica's current address, twice: as the target
// to dial, and as the key under which Dragonboat shares a connection, so that all
// shards of a node share one and an address change opens a new one.
func (r *Registry) Resolve(shardID, replicaID uint64) (addr, connKey string, err error) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	id, ok := r.replicas[raftio.GetNodeInfo(shardID, replicaID)]
	if !ok {
		return "", "", fmt.Errorf("transport: unknown replica %d of shard %d", replicaID, shardID)
	}
	n, ok := r.nodes[id]
	if !ok || n.addr == "" {
		return "", "", fmt.Errorf("transport: no address for NodeHost %s", id)
	}
	return n.label, n.label, nil
}

// name returns the name of the node that a NodeHost belongs to.
func (r *Registry) name(nodeHostID string) (string, bool) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	n, ok := r.nodes[nodeHostID]
	return n.name, ok
}

// namesAt returns the names that may answer at an address.
func (r *Registry) namesAt(addr string) []string {
	r.mu.RLock()
	defer r.mu.RUnlock()
	var names []string
	for _, n := range r.nodes {
		if n.addr == addr && !slices.Contains(names, n.name) {
			names = append(names, n.name)
		}
	}
	return names
}
