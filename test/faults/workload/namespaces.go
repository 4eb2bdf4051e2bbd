package workload

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"time"

	conclave "github.com/conclavehq/conclave/sdk"
	"github.com/conclavehq/conclave/test/faults/history"
	"github.com/conclavehq/conclave/test/faults/nap"
)

const namespaceOwners = 3

// namespaces are created, used and deleted, again and again under the same names.
// Each name has one owner, who waits for all calls in the namespace before deleting
// it. After an unknown outcome the owner takes another name: a late request would
// reach the next namespace of the old one.
func namespaces(l *Load) finish {
	for i := range namespaceOwners {
		owner, err := l.dial(history.Namespaces, history.SDK, everyNode, "default", l.rng(history.Namespaces, i))
		if err != nil {
			continue // pool.check has dialed the same endpoints
		}
		o := &namespaceOwner{client: owner, index: i}
		l.clients.Go(o.run)
	}
	return nil
}

// namespaceOwner is who creates and deletes namespaces of a name.
type namespaceOwner struct {
	*client
	index int
	names int  // how many were given up
	times int  // how often the current one was created
	kept  bool // the namespace, with its log

	mu      sync.Mutex // protects what follows
	unknown bool       // an outcome
}

func (o *namespaceOwner) name() string { return fmt.Sprintf("t%d-%d", o.index, o.names) }

func (o *namespaceOwner) run() {
	o.pace = newPace(10)
	for o.next() {
		o.times++
		space := o.name() + "#" + strconv.Itoa(o.times)
		switch {
		case o.live(space):
			o.load.pool.forget(o.name()) // a client stays in the namespace that it found
		case o.load.stopping.Err() == nil:
			if !o.kept {
				o.load.pool.forget(o.name())
			}
			o.names, o.times, o.unknown, o.kept = o.names+1, 0, false, false
		}
	}
}

// live is the life of a namespace. It is false when the name cannot be used again. One
// whose log does not become whole is not deleted: nobody could tell then what it lost.
func (o *namespaceOwner) live(space string) bool {
	if !o.insist(history.Created, space) {
		return false
	}
	log := o.load.truth(space, 1, nil)
	o.use(space)
	if !o.complete(space, log) {
		o.kept = true
		return false
	}
	if !o.insist(history.Dropped, space) {
		return false
	}
	o.lookAfter(space)
	// Else it might go on in the next namespace of that name.
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case <-log.ended:
	case <-timer.C:
		return false
	case <-o.load.life.Done():
	}
	return !o.unknown
}

// insist creates or deletes, and asks again while the outcome is not known. It
// reports whether that is how it is now.
func (o *namespaceOwner) insist(kind history.Kind, space string) bool {
	for o.load.life.Err() == nil {
		r := o.begin(kind)
		r.Key = space
		// Creating one needs a few commits of the system's shard.
		ctx, cancel := context.WithTimeout(o.load.life, 3*time.Second)
		var err error
		if kind == history.Created {
			_, err = o.sdk.CreateNamespace(ctx, o.name())
		} else {
			err = o.sdk.DeleteNamespace(ctx, o.name())
		}
		cancel()
		o.changed(&r, err)
		o.noteUnknown(&r)
		switch {
		case r.Outcome == history.OK, o.unknown && (r.Reason == "NAMESPACE_EXISTS" || r.Reason == "NAMESPACE_NOT_FOUND"):
			return true
		case r.Outcome == history.Refused && !undecided[r.Reason]:
			return false
		case o.load.stopping.Err() != nil:
			return false
		}
		if !nap.Take(o.load.life, o.pause()) {
			return false
		}
	}
	return false
}

func (o *namespaceOwner) noteUnknown(r *history.Record) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.unknown = o.unknown || r.Outcome == history.Unknown
}

// use reads, finding nothing, then writes and reads through all nodes for a while.
func (o *namespaceOwner) use(space string) {
	l := o.load
	until, cancel := context.WithTimeout(l.stopping, time.Second+time.Duration(o.rand.Int64N(int64(3*time.Second))))
	defer cancel()
	var users sync.WaitGroup
	for node := everyNode; node < len(l.cfg.Endpoints); node++ {
		c, err := l.dial(history.Namespaces, history.SDK, node, space, l.rng(history.Namespaces, int(l.numbers.Load())))
		if err != nil {
			continue
		}
		c.pace = newPace(60 * l.cfg.Rate / float64(namespaceOwners))
		users.Go(func() {
			c.do(&history.Record{Then: []history.Op{getPrefix("k/")}})
			for c.pace.wait(until, c.pause()) {
				o.step(c)
			}
		})
	}
	users.Wait()
}

// complete waits for the log, for so long as that may take with faults, and reports
// whether it has everything.
func (o *namespaceOwner) complete(space string, log *truth) bool {
	c, err := o.load.dial(history.Namespaces, history.SDK, everyNode, space, o.rand)
	if err != nil {
		return false
	}
	ctx, cancel := context.WithTimeout(o.load.life, patience)
	defer cancel()
	for {
		revision, err := c.mark(ctx)
		switch {
		case err == nil:
			// A log that has ended, though nobody dropped the namespace, is told by reach
			// without an error.
			return log.reach(ctx, revision) == nil && log.last.Load() >= revision
		case errors.Is(err, conclave.ErrOutcomeUnknown):
			o.noteUnknown(&history.Record{Outcome: history.Unknown})
		case errors.Is(err, conclave.ErrNamespaceNotFound):
			return false
		}
		if !nap.Take(ctx, 50*time.Millisecond+c.pause()) {
			return false
		}
	}
}

// step makes one call in a namespace.
func (o *namespaceOwner) step(c *client) {
	key := fmt.Sprintf("k/%d", c.rand.IntN(20))
	r := &history.Record{}
	switch c.rand.IntN(8) {
	case 0, 1, 2:
		r.Then = []history.Op{put(key, c.load.value())}
	case 3:
		r.Then = []history.Op{remove(key)}
	case 4:
		r.If = []history.Op{ifVersion(key, 0)}
		r.Then, r.Else = []history.Op{put(key, c.load.value())}, []history.Op{get(key)}
	case 5:
		r.Then, r.Serializable = []history.Op{getPrefix("k/")}, true
	case 6:
		r.Then = []history.Op{getPrefix("k/")}
	default:
		r.Then = []history.Op{get(key)}
	}
	c.do(r)
	o.noteUnknown(r)
}

// lookAfter asks each node for what was deleted.
func (o *namespaceOwner) lookAfter(space string) {
	for node := everyNode; node < len(o.load.cfg.Endpoints); node++ {
		c, err := o.load.dial(history.Namespaces, history.SDK, node, space, o.rand)
		if err != nil {
			continue
		}
		r := c.begin(history.Txn)
		r.Then = []history.Op{getPrefix("k/")}
		ctx, cancel := c.deadline()
		err = c.ask(ctx, &r)
		cancel()
		if errors.Is(err, conclave.ErrNamespaceNotFound) {
			r.Kind, r.Key, r.Then = history.NamespaceGone, space, nil
			err = nil
		}
		c.read(&r, err)
	}
}
