package transport

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"

	"github.com/lni/dragonboat/v4/config"
	"github.com/lni/dragonboat/v4/raftio"
	"github.com/rs/zerolog"
)

// maxConnsPerPeer bounds the accepted connections of one node. Dragonboat opens
// one for messages and up to 64 for snapshots; those of a vanished peer linger
// until keep-alive notices.
const maxConnsPerPeer = 128

// Factory creates the transport of a NodeHost; it goes into
// NodeHostConfig.Expert.TransportFactory, with Config.Registry beside it as
// NodeRegistryFactory. One NodeHost at a time runs on a Mux.
type Factory struct {
	cfg Config
	mux *Mux
}

var _ config.TransportFactory = (*Factory)(nil)

// NewFactory checks cfg. The transport itself starts with the NodeHost.
func NewFactory(mux *Mux, cfg Config) (*Factory, error) {
	if cfg.Registry == nil {
		return nil, errors.New("transport: Config.Registry is required")
	}
	if err := cfg.Self.validate(); err != nil {
		return nil, err
	}
	if cfg.Dial == nil {
		cfg.Dial = dialTCP
	}
	return &Factory{cfg: cfg, mux: mux}, nil
}

// Create is called by NewNodeHost.
func (f *Factory) Create(_ config.NodeHostConfig,
	onBatch raftio.MessageHandler, onChunk raftio.ChunkHandler) raftio.ITransport {
	t := &Transport{
		cfg:     f.cfg,
		mux:     f.mux,
		log:     quiet(f.cfg.Log),
		onBatch: onBatch,
		onChunk: onChunk,
		pace:    newPacer(f.cfg.SnapshotBytesPerSecond),
	}
	t.ctx, t.cancel = context.WithCancel(context.Background())
	t.mu.conns = make(map[string]int)
	return t
}

// Validate accepts every address: listening is the Mux's affair and addresses
// of peers come from the Registry, so RaftAddress is only a label here.
func (f *Factory) Validate(addr string) bool { return addr != "" }

// Transport is Dragonboat's way to the peer port, for the life of a NodeHost.
type Transport struct {
	cfg     Config
	mux     *Mux
	log     zerolog.Logger
	onBatch raftio.MessageHandler
	onChunk raftio.ChunkHandler
	pace    *pacer

	ctx    context.Context // done when Close begins
	cancel context.CancelFunc
	wg     sync.WaitGroup // serve calls and watch goroutines; Add under mu

	// acceptedOnce: some node of this cluster and this one have accepted each
	// other since this process started.
	acceptedOnce atomic.Bool

	mu struct {
		sync.Mutex
		closed bool
		conns  map[string]int // accepted connections by peer name
	}
}

var _ raftio.ITransport = (*Transport)(nil)

// Name is what Dragonboat logs.
func (t *Transport) Name() string { return "conclave" }

// Start begins to receive.
func (t *Transport) Start() error { return t.mux.attach(t) }

// Close stops receiving, closes all Raft connections, dialed and accepted, and
// waits until none is in use.
func (t *Transport) Close() error {
	t.mu.Lock()
	t.mu.closed = true
	t.mu.Unlock()
	t.mux.detach(t)
	t.cancel()
	t.wg.Wait()
	return nil
}

// enter counts a user of t in, unless t is closing. The caller owes wg.Done.
func (t *Transport) enter() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.mu.closed {
		return false
	}
	t.wg.Add(1)
	return true
}

// enroll counts an accepted connection of a peer. The caller owes dismiss.
func (t *Transport) enroll(name string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.mu.conns[name] >= maxConnsPerPeer {
		return false
	}
	t.mu.conns[name]++
	return true
}

func (t *Transport) dismiss(name string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.mu.conns[name]--; t.mu.conns[name] == 0 {
		delete(t.mu.conns, name)
	}
}
