package cluster

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"sync"

	logv1 "github.com/conclavehq/conclave/proto/gen/conclave/log/v1"
	"github.com/conclavehq/conclave/statemachine/feed"
)

// directory is what this node knows of nodes and namespaces: a copy of the
// system shard's tables, renewed whenever this replica applies a change. It may
// be behind the cluster.
type directory struct {
	cluster *Cluster
	// configured are the addresses that the configuration has, by name.
	configured map[string]string
	// loading is held by load, before mu, so that a later one is not undone.
	loading sync.Mutex

	mu struct {
		sync.RWMutex
		nodes map[string]*logv1.Node
		// hearsay says that nodes are what peers told: this node has no table yet.
		hearsay    bool
		namespaces map[string]*logv1.Namespace
		// active are those that can be used, by name and by address.
		active map[string]*logv1.Namespace
		// moved are addresses that nodes told themselves since their record was
		// written.
		moved map[string]string
		// changed is closed, and replaced, by every load.
		changed chan struct{}
	}
}

func newDirectory(c *Cluster) *directory {
	d := &directory{cluster: c, configured: make(map[string]string)}
	for _, p := range c.cfg.InitialCluster {
		d.configured[p.Name] = p.URL
	}
	d.mu.moved = make(map[string]string)
	d.mu.changed = make(chan struct{})
	return d
}

// seed makes the configured members known, before the table can be read.
func (d *directory) seed() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.spreadLocked()
}

// expect has nodes known that a peer told of, until the table can be read.
func (d *directory) expect(nodes map[string]*logv1.Node) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(nodes) > 0 && (len(d.mu.nodes) == 0 || d.mu.hearsay) {
		d.mu.nodes, d.mu.hearsay = nodes, true
		d.spreadLocked()
	}
}

// load reads the tables from this node's replica.
func (d *directory) load(ctx context.Context) error {
	d.loading.Lock()
	defer d.loading.Unlock()
	system := d.cluster.shards[systemShard].machine
	nodes, err := system.Query(ctx, &logv1.Query{Body: &logv1.Query_ListNodes{ListNodes: &logv1.ListNodes{}}})
	if err != nil {
		return err
	}
	namespaces, err := system.Query(ctx, &logv1.Query{Body: &logv1.Query_ListNamespaces{ListNamespaces: &logv1.ListNamespaces{}}})
	if err != nil {
		return err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	before := d.mu.nodes
	if len(nodes.GetListNodes().GetNodes()) > 0 || !d.cluster.id.Join {
		d.mu.nodes, d.mu.hearsay = make(map[string]*logv1.Node), false
	}
	for _, node := range nodes.GetListNodes().GetNodes() {
		if old := before[node.GetName()]; old.GetPeerUrl() != node.GetPeerUrl() {
			delete(d.mu.moved, node.GetName())
		}
		d.mu.nodes[node.GetName()] = node
	}
	d.mu.namespaces = make(map[string]*logv1.Namespace)
	d.mu.active = make(map[string]*logv1.Namespace)
	for _, ns := range namespaces.GetListNamespaces().GetNamespaces() {
		d.mu.namespaces[ns.GetName()] = ns
		if ns.GetState() == logv1.Namespace_STATE_ACTIVE {
			d.mu.active[ns.GetName()], d.mu.active[address(ns)] = ns, ns
		}
	}
	d.spreadLocked()
	close(d.mu.changed)
	d.mu.changed = make(chan struct{})
	return nil
}

// follow keeps the tables up to date until ctx ends.
func (d *directory) follow(ctx context.Context) {
	changes := d.cluster.shards[systemShard].machine.Subscribe(feed.System())
	defer changes.Close()
	for {
		// Loading after subscribing misses nothing. What an event says is not
		// looked at: the tables are small and change seldom.
		if err := d.load(ctx); err != nil && ctx.Err() == nil {
			d.cluster.log.Warn().Err(err).Msg("cannot read the tables of nodes and namespaces")
		}
		_, err := changes.Next(ctx)
		if ctx.Err() != nil || errors.Is(err, feed.ErrClosed) {
			return
		}
	}
}

// spreadLocked tells the transport and the forwarders where the nodes are.
func (d *directory) spreadLocked() {
	c := d.cluster
	for _, name := range d.namesLocked() {
		url := d.urlLocked(name)
		generation := max(1, d.mu.nodes[name].GetGeneration())
		if generation > 1 {
			c.registry.DropNode(nodeHostID(c.id.ClusterID, name, generation-1))
		}
		if address, err := peerAddress(url); err == nil {
			c.registry.SetNode(nodeHostID(c.id.ClusterID, name, generation), name, address)
		}
		if name != c.id.Name {
			c.ensurePeer(name, url)
		}
	}
}

// namesLocked are the names of all nodes, sorted.
func (d *directory) namesLocked() []string {
	names := make([]string, 0, len(d.configured))
	for name := range d.configured {
		names = append(names, name)
	}
	for name := range d.mu.nodes {
		if _, ok := d.configured[name]; !ok {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// urlLocked is where a node's peer port is: what it said itself, else what is
// on record, else what the configuration has.
func (d *directory) urlLocked(name string) string {
	switch {
	case name == d.cluster.id.Name:
		return d.cluster.cfg.AdvertisePeerURL
	case d.mu.moved[name] != "":
		return d.mu.moved[name]
	case d.mu.nodes[name].GetPeerUrl() != "":
		return d.mu.nodes[name].GetPeerUrl()
	default:
		return d.configured[name]
	}
}

// heard learns the address of a node of this cluster from its request. Without
// that, a node that comes back elsewhere would not be found by those whose
// votes it needs to get its record changed. The transport checks who answers
// there.
func (d *directory) heard(header http.Header) {
	name, url := header.Get(nodeHeader), header.Get(peerURLHeader)
	incarnation, err := parseID(header.Get(incarnationHeader))
	if _, bad := peerAddress(url); bad != nil || err != nil || name == d.cluster.id.Name {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	node, known := d.mu.nodes[name]
	_, configured := d.configured[name]
	if known && node.GetIncarnation() != 0 && node.GetIncarnation() != incarnation || !known && !configured {
		return
	}
	if d.urlLocked(name) != url {
		d.mu.moved[name] = url
		d.spreadLocked()
	}
}

// node is a node's record, nil if there is none.
func (d *directory) node(name string) *logv1.Node {
	d.mu.RLock()
	defer d.mu.RUnlock()
	return d.mu.nodes[name]
}

// records are all nodes on record, by name.
func (d *directory) records() []*logv1.Node {
	d.mu.RLock()
	defer d.mu.RUnlock()
	nodes := make([]*logv1.Node, 0, len(d.mu.nodes))
	for _, name := range d.namesLocked() {
		if node := d.mu.nodes[name]; node != nil {
			nodes = append(nodes, node)
		}
	}
	return nodes
}

// nameOf is the name of the node that runs the replicas of an id; empty when it
// is not known.
func (d *directory) nameOf(replica uint64) string {
	d.mu.RLock()
	defer d.mu.RUnlock()
	for name, node := range d.mu.nodes {
		if node.GetReplicaId() == replica {
			return name
		}
	}
	// Initial members have their places before they are on record.
	members := d.cluster.id.Members
	if i := int(replica) - 1; i >= 0 && i < len(members) && d.mu.nodes[members[i]] == nil {
		return members[i]
	}
	return ""
}

// change is a channel that is closed when the tables are read again.
func (d *directory) change() <-chan struct{} {
	d.mu.RLock()
	defer d.mu.RUnlock()
	return d.mu.changed
}
