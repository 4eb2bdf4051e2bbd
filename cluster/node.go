package cluster

import (
	"context"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/lni/dragonboat/v4"
	"github.com/rs/zerolog"

	"github.com/conclavehq/conclave/cluster/transport"
	logv1 "github.com/conclavehq/conclave/proto/gen/conclave/log/v1"
	"github.com/conclavehq/conclave/statemachine/entry"
	"github.com/conclavehq/conclave/statemachine/feed"
)

// Cluster is this node as a member of its cluster. All methods may be called
// from many goroutines.
type Cluster struct {
	cfg Config
	// id does not change after identify. Complete in it tells how the start
	// found the directory.
	id  identity
	log zerolog.Logger

	// format is the newest format of commands that this program knows, and
	// formatOf the one that a command needs; fields for tests.
	format   uint32
	formatOf func(*logv1.Command) uint32

	release   func() // gives the data directory back
	mux       *transport.Mux
	registry  *transport.Registry
	server    *http.Server
	client    *http.Client
	raft      *dragonboat.NodeHost
	shards    map[uint64]*shard
	directory *directory
	history   history

	// loaded is set when directory shows this replica's state.
	loaded atomic.Bool
	// ready is closed when this node is registered, knows the default namespace
	// and a leader of every shard.
	ready chan struct{}

	// stopped ends when Stop begins to turn calls away, loops when the
	// goroutines must end; work counts them.
	stopped  context.Context
	turnAway context.CancelFunc
	loops    context.Context
	endLoops context.CancelFunc
	work     sync.WaitGroup
	served   sync.WaitGroup // server's goroutine

	// room is watched by watchRoom and watchRoomOf; reclaim holds a token when
	// makeRoom should make some.
	room    room
	reclaim chan struct{}

	fatalOnce sync.Once
	stopOnce  sync.Once

	// peers are the other nodes, by name.
	peersMu sync.Mutex
	peers   map[string]*peer
}

// Start makes or opens this node's data and joins it to its cluster. It returns
// when the node's replicas are running; Ready tells when it is part of the
// cluster. On an error nothing is left behind. ctx bounds Start alone.
func Start(ctx context.Context, cfg Config) (*Cluster, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		for _, ln := range cfg.PeerListeners {
			_ = ln.Close()
		}
		return nil, err
	}
	setEngineLog(cfg.Log)
	c := &Cluster{
		cfg:      cfg,
		log:      cfg.Log,
		registry: transport.NewRegistry(),
		shards:   make(map[uint64]*shard),
		ready:    make(chan struct{}),
		reclaim:  make(chan struct{}, 1),
		peers:    make(map[string]*peer),
		format:   entry.Format,
		formatOf: entry.FormatOf,
	}
	c.stopped, c.turnAway = context.WithCancel(context.Background())
	c.loops, c.endLoops = context.WithCancel(context.Background())
	c.directory = newDirectory(c)
	if err := c.start(ctx); err != nil {
		c.close()
		return nil, err
	}
	return c, nil
}

func (c *Cluster) start(ctx context.Context) error {
	if err := c.listen(); err != nil {
		return err
	}
	if err := c.identify(ctx); err != nil {
		return err
	}
	if err := c.checkLeastRoom(); err != nil {
		return err
	}
	if err := c.startRaft(ctx); err != nil {
		return err
	}
	if err := c.directory.load(ctx); err != nil {
		return err
	}
	c.loaded.Store(true)
	c.log.Info().Str("name", c.id.Name).Str("cluster", formatID(c.id.ClusterID)).Uint64("replica", c.id.ReplicaID).
		Str("peer_url", c.cfg.AdvertisePeerURL).Msg("node started")
	for _, s := range c.shards {
		s.run(c.loops, &c.work)
	}
	c.work.Go(func() { c.directory.follow(c.loops) })
	c.work.Go(func() { c.announce(c.loops) })
	c.work.Go(func() { c.register(c.loops) })
	c.work.Go(func() { c.govern(c.loops) })
	c.work.Go(func() { c.watchRoom(c.loops) })
	c.work.Go(func() { c.makeRoom(c.loops) })
	return nil
}

// Ready is closed when this node is registered in its cluster, which takes a
// majority, and knows the default namespace and a leader of every shard.
func (c *Cluster) Ready() <-chan struct{} { return c.ready }

// Healthy says whether this node could serve now: every shard has a leader. If
// not, it says what is wrong.
func (c *Cluster) Healthy() error {
	if c.stopped.Err() != nil {
		return ErrStopped
	}
	for _, s := range c.shards {
		if info, _ := s.leader(); info.LeaderID == 0 {
			return ErrNoLeader
		}
	}
	return nil
}

// Subscribe begins a subscription to what this node's replica of a shard
// applies.
func (c *Cluster) Subscribe(shard uint64, f feed.Filter) (*feed.Subscription, error) {
	s := c.shards[shard]
	if s == nil {
		return nil, ErrNoShard
	}
	return s.machine.Subscribe(f), nil
}

// Watch begins a watch of keys on this node's replica of a shard.
func (c *Cluster) Watch(shard uint64, req feed.WatchRequest) (*feed.Watcher, error) {
	s := c.shards[shard]
	if s == nil {
		return nil, ErrNoShard
	}
	return s.machine.Watch(req)
}

// Machine is this node's replica of a shard, as Config.NewMachine made it, for
// what is served by the replica alone.
func (c *Cluster) Machine(shard uint64) (Machine, error) {
	s := c.shards[shard]
	if s == nil {
		return nil, ErrNoShard
	}
	return s.machine.Machine, nil
}

// AdvanceClock moves the log clock of the shards that this node leads forward,
// so that tests need not wait for what is due then.
func (c *Cluster) AdvanceClock(d time.Duration) {
	for _, s := range c.shards {
		s.clock.skip(d)
	}
}

// fatal reports, once, why this node must stop.
func (c *Cluster) fatal(err error) {
	c.fatalOnce.Do(func() {
		c.log.Error().Msg(err.Error())
		c.cfg.Fatal(err)
	})
}
