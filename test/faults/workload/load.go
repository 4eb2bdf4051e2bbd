package workload

import (
	"context"
	"errors"
	"math/rand/v2"
	"net"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/conclavehq/conclave/test/faults/history"
)

// Config says what to load, and how.
type Config struct {
	// Endpoints are the client URLs of all nodes, EtcdEndpoints those of their
	// ports for etcd's clients, in the same order. Without the latter there are no
	// etcd clients.
	Endpoints, EtcdEndpoints []string
	// History gets the records. It stays open.
	History *history.Writer
	// Seed decides what clients do, but not how their calls interleave.
	Seed uint64
	// Only are the workloads to run; none means all. The log of namespace
	// "default" is watched in any case.
	Only []history.Workload
	// Rate multiplies how much each workload does in a second. Default 1.
	Rate float64
	// Dial replaces how clients connect, e.g. from within a network namespace.
	Dial func(ctx context.Context, network, addr string) (net.Conn, error)
}

// finish is what is left to do for a workload when its clients have ended and all
// faults are healed. Watchers still run then.
type finish func(ctx context.Context) error

// Load is a set of running clients.
type Load struct {
	cfg     Config
	history *history.Writer

	stopping context.Context // ends with Stop: no further calls
	stop     context.CancelFunc
	life     context.Context // ends with Close: all calls and watches
	kill     context.CancelFunc
	clients  sync.WaitGroup // end with stopping
	watchers sync.WaitGroup // end with life

	pool     *pool
	keys     *registerKeys // of registers; others read them, too
	truths   truths
	log      *truth    // of "default"
	deletes  deletions // of "default"
	slots    []*slot   // of watchers that come and go
	finishes []finish

	numbers   atomic.Int32 // of clients
	streams   atomic.Int32 // of watchers
	values    atomic.Int64
	lastWrite atomic.Int64
	head      atomic.Int64 // the greatest revision of "default" that was told
	compacted atomic.Int64 // the greatest to which "default" was compacted

	once sync.Once
}

// Start starts the clients. It returns at once; ctx bounds it alone.
func Start(ctx context.Context, cfg Config) (*Load, error) {
	if len(cfg.Endpoints) == 0 || cfg.History == nil {
		return nil, errors.New("workload: endpoints and a history are required")
	}
	if n := len(cfg.EtcdEndpoints); n != 0 && n != len(cfg.Endpoints) {
		return nil, errors.New("workload: each node has an endpoint for etcd's clients, or none has")
	}
	if cfg.Rate <= 0 {
		cfg.Rate = 1
	}
	l := &Load{cfg: cfg, history: cfg.History,
		keys: &registerKeys{seen: make(map[string]history.KV)}}
	l.stopping, l.stop = context.WithCancel(context.WithoutCancel(ctx))
	l.life, l.kill = context.WithCancel(context.WithoutCancel(ctx))
	l.pool = newPool(l.life, cfg)
	if err := l.pool.check(); err != nil {
		l.Close()
		return nil, err
	}
	l.log = l.truth("default", 1, &l.deletes)
	for _, w := range history.Workloads {
		if start := starts[w]; start != nil && l.runs(w) {
			if last := start(l); last != nil {
				l.finishes = append(l.finishes, last)
			}
		}
	}
	return l, nil
}

// runs reports whether a workload was asked for.
func (l *Load) runs(w history.Workload) bool {
	for _, only := range l.cfg.Only {
		if only == w {
			return true
		}
	}
	return len(l.cfg.Only) == 0
}

// Stop lets all clients end after their current call, and waits for that. Watchers
// go on.
func (l *Load) Stop() {
	l.stop()
	l.clients.Wait()
}

// Finish stops the clients, does what is left for each workload, waits until the
// watchers have come to the head, and closes. Faults have to be healed before.
func (l *Load) Finish(ctx context.Context) error {
	l.Stop()
	defer l.Close()
	var failures []error
	for _, last := range l.finishes {
		failures = append(failures, last(ctx))
	}
	failures = append(failures, l.truths.reachHead(ctx, l))
	return errors.Join(failures...)
}

// Close ends everything at once: calls under way are cut off. Closing twice does
// nothing.
func (l *Load) Close() {
	l.once.Do(func() {
		l.stop()
		l.kill()
		l.clients.Wait()
		l.watchers.Wait()
		l.pool.close()
	})
}

// LastWrite is when the newest acknowledged change of namespace "default" was
// acknowledged, since the run began; 0 when there was none.
func (l *Load) LastWrite() time.Duration { return time.Duration(l.lastWrite.Load()) }

// value is text that nothing else writes in this run. No list looks like it.
func (l *Load) value() string { return "v" + strconv.FormatInt(l.unique(), 36) }

// unique is a number that is given once in a run, from 1 on.
func (l *Load) unique() int64 { return l.values.Add(1) }

// rng is a source of its own for each stream of decisions.
func (l *Load) rng(w history.Workload, i int) *rand.Rand {
	return rand.New(rand.NewPCG(l.cfg.Seed, uint64(w)<<32|uint64(uint32(i))))
}

// raise sets a number to at least n.
func raise(a *atomic.Int64, n int64) {
	for was := a.Load(); n > was; was = a.Load() {
		if a.CompareAndSwap(was, n) {
			return
		}
	}
}
