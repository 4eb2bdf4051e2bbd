package process

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	conclave "github.com/conclavehq/conclave/sdk"
)

const (
	// opTimeout bounds one operation of the load: far more than a failover takes.
	opTimeout = 30 * time.Second
	// sessionTTL outlasts the failovers of a run, so no session may be lost.
	sessionTTL = 10 * time.Second
)

// What the load works on.
const (
	jobQueue = "load/jobs"
	counters = 2
	mutexes  = 2
	shared   = 5 // keys that several clients write
)

// load is many clients that write, count, lock and queue, each as a program
// would, and note what they see in a history.
type load struct {
	t         testing.TB
	endpoints []string
	*history

	// producing ends the clients that make work, consuming those that finish it.
	producing, consuming       context.Context
	stopProducing, stopWorking context.CancelFunc
	producers, workers         sync.WaitGroup

	watching sync.WaitGroup
	live     []conclave.Event // of the watch; read it after watching
	lastSeen chan conclave.Revision
}

// startLoad starts all clients. seed decides which of the shared things they
// take.
func startLoad(t testing.TB, seed uint64, endpoints []string) *load {
	t.Helper()
	l := &load{t: t, endpoints: endpoints, history: newHistory(), lastSeen: make(chan conclave.Revision, 1)}
	l.producing, l.stopProducing = context.WithCancel(t.Context())
	l.consuming, l.stopWorking = context.WithCancel(t.Context())
	for i, kind := range []struct {
		clients int
		each    time.Duration
		step    func(*worker) error
	}{
		{4, 2 * time.Millisecond, (*worker).put},
		{2, 5 * time.Millisecond, (*worker).count},
		{2, 5 * time.Millisecond, (*worker).read},
		{4, 10 * time.Millisecond, (*worker).lock},
		{2, 10 * time.Millisecond, (*worker).enqueue},
	} {
		for n := range kind.clients {
			w := l.newWorker(fmt.Sprintf("w%d.%d", i, n), seed)
			l.producers.Go(func() { w.repeat(l.producing, kind.each, kind.step) })
		}
	}
	for n := range 2 {
		w := l.newWorker(fmt.Sprintf("jobs.%d", n), seed)
		l.workers.Go(func() { w.work(l.consuming) })
	}
	l.watching.Go(l.watch)
	return l
}

// worker is one client with a session of its own. It is for one goroutine.
type worker struct {
	*load
	name    string
	client  *conclave.Client
	session *conclave.Session
	random  *rand.Rand
	made    int
}

func (l *load) newWorker(name string, seed uint64) *worker {
	l.t.Helper()
	client := dial(l.t, l.endpoints...)
	session, err := client.NewSession(within(l.t, opTimeout), conclave.WithTTL(sessionTTL), conclave.WithIdentity(name))
	if err != nil {
		l.t.Fatal(err)
	}
	number := uint64(0)
	for _, c := range name {
		number = 31*number + uint64(c)
	}
	return &worker{load: l, name: name, client: client, session: session, random: rand.New(rand.NewPCG(seed, number))}
}

// unique is a text that nobody else makes.
func (w *worker) unique() string {
	w.made++
	return fmt.Sprintf("%s-%d", w.name, w.made)
}

// repeat takes a step at each tick until the load ends. The step itself is not
// cut short, so that its outcome is known.
func (w *worker) repeat(ctx context.Context, each time.Duration, step func(*worker) error) {
	tick := time.NewTicker(each)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		if err := step(w); err != nil {
			w.complain(fmt.Errorf("%s: %w", w.name, err))
			return
		}
	}
}

// bounded is the context of one operation. It outlives the load, which may end
// meanwhile.
func (w *worker) bounded() (context.Context, context.CancelFunc) {
	return context.WithTimeout(w.t.Context(), opTimeout)
}

// watch follows everything that the load writes, through all failovers.
func (l *load) watch() {
	client, err := conclave.Dial(l.consuming, l.endpoints)
	if err != nil {
		l.complain(err)
		return
	}
	defer func() { _ = client.Close() }()
	for event, err := range client.Watch(l.consuming, "load/", conclave.WithPrefix(), conclave.FromRevision(1)) {
		if err != nil {
			if !errors.Is(err, context.Canceled) {
				l.complain(fmt.Errorf("the watch: %w", err))
			}
			return
		}
		l.live = append(l.live, event)
		select {
		case <-l.lastSeen: // replace what nobody has looked at
		default:
		}
		l.lastSeen <- event.Revision
	}
}

// finish ends the load: nothing new is made, the queue is worked on until it is
// empty, and the watch has told everything. The history does not change any more
// then.
func (l *load) finish() {
	l.t.Helper()
	l.stopProducing()
	l.producers.Wait()
	client := dial(l.t, l.endpoints...)
	eventually(l.t, patience, func(ctx context.Context) error {
		stats, err := client.Queue(jobQueue).Stats(ctx)
		if err != nil {
			return err
		}
		if left := stats.Ready + stats.Delayed + stats.Claimed + stats.Blocked; left > 0 {
			return fmt.Errorf("%d jobs are left: %+v", left, *stats)
		}
		return nil
	})
	last, err := client.Put(within(l.t, opTimeout), "load/end", "the end")
	if err != nil {
		l.t.Fatal(err)
	}
	record(l.history, &l.writes, write{key: "load/end", value: "the end", call: l.now(), ret: l.now(), revision: last})
	late := time.After(patience)
	for seen := conclave.Revision(0); seen < last; {
		select {
		case seen = <-l.lastSeen:
		case <-late:
			l.t.Fatalf("the watch has come to %d and not to %d", seen, last)
		}
	}
	l.stopWorking()
	l.workers.Wait()
	l.watching.Wait()
}

// log is everything that happened to the keys of the load.
func (l *load) log(client *conclave.Client) []conclave.Event {
	l.t.Helper()
	var log []conclave.Event
	for event, err := range client.Watch(within(l.t, patience), "load/", conclave.WithPrefix(), conclave.FromRevision(1)) {
		if err != nil {
			l.t.Fatal(err)
		}
		log = append(log, event)
		if event.KV.Key == "load/end" {
			break
		}
	}
	return log
}
