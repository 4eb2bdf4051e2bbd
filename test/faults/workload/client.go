package workload

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"

	conclave "github.com/conclavehq/conclave/sdk"
	"github.com/conclavehq/conclave/test/faults/history"
	"github.com/conclavehq/conclave/test/faults/nap"
)

// client makes one call at a time. It belongs to one goroutine.
type client struct {
	load      *Load
	workload  history.Workload
	number    int32
	via       history.Via
	node      string // the address that is asked; "" is any
	namespace string
	rand      *rand.Rand
	pace      pace
	failures  int  // in a row
	alarmed   bool // it has told of an answer that must not be

	sdk  *conclave.Client // set when via is SDK
	etcd *clientv3.Client // set when via is Etcd
}

// dial makes a client. node counts the endpoints, everyNode is all of them. It is
// an SDK client where etcd's is not served. The namespace is as in the history.
func (l *Load) dial(w history.Workload, via history.Via, node int, namespace string, rng *rand.Rand) (*client, error) {
	c := &client{load: l, workload: w, via: via, namespace: namespace, rand: rng, number: l.numbers.Add(1)}
	name, _, _ := strings.Cut(namespace, "#")
	where := lane{w, node, name}
	endpoints := l.cfg.Endpoints
	var err error
	if via == history.Etcd && len(l.cfg.EtcdEndpoints) > 0 {
		endpoints = l.cfg.EtcdEndpoints
		c.etcd, err = l.pool.etcdClient(where)
	} else {
		c.via = history.SDK
		c.sdk, err = l.pool.sdkClient(where)
	}
	if node != everyNode {
		c.node = endpoints[node]
	}
	return c, err
}

// mix is what clients a workload has.
type mix struct {
	clients int
	etcd    int     // every so manieth of them is etcd's; 0 is none
	rate    float64 // steps per second, of all together
}

// spawn starts the clients of a workload in namespace "default". Each does step at
// its share of the rate until Stop.
func (l *Load) spawn(w history.Workload, m mix, step func(c *client)) {
	for _, c := range l.hire(w, m) {
		l.clients.Go(func() {
			for c.next() {
				step(c)
			}
		})
	}
}

// hire makes the clients of a workload in namespace "default": one in three knows
// all endpoints, the others one each. They share the rate.
func (l *Load) hire(w history.Workload, m mix) []*client {
	var clients []*client
	for i := range m.clients {
		via, node := history.SDK, everyNode
		if m.etcd > 0 && i%m.etcd == m.etcd-1 {
			via = history.Etcd
		}
		if turn := i / max(m.etcd, 1); turn%3 != 0 {
			node = (turn + i) % len(l.cfg.Endpoints)
		}
		c, err := l.dial(w, via, node, "default", l.rng(w, i))
		if err != nil {
			continue // pool.check has dialed the same endpoints
		}
		c.pace = newPace(m.rate * l.cfg.Rate / float64(m.clients))
		clients = append(clients, c)
	}
	return clients
}

// next waits until it is time for the next step. It is false after Stop.
func (c *client) next() bool { return c.pace.wait(c.load.stopping, c.pause()) }

// pause is how long to leave the service alone after failures.
func (c *client) pause() time.Duration {
	if c.failures == 0 {
		return 0
	}
	return time.Duration(c.rand.Int64N(int64(10*time.Millisecond) << min(c.failures, 5)))
}

// rest waits, and reports whether it did so to the end: it is false after Stop.
func (c *client) rest(d time.Duration) bool {
	return nap.Take(c.load.stopping, d)
}

// between is a random duration.
func (c *client) between(least, most time.Duration) time.Duration {
	return least + time.Duration(c.rand.Int64N(int64(most-least)))
}

// chance is true once in n times.
func (c *client) chance(n int) bool { return c.rand.IntN(n) == 0 }

// deadlines are how long clients wait for an answer.
var deadlines = []time.Duration{300 * time.Millisecond, 500 * time.Millisecond, time.Second, 2 * time.Second}

// deadline is the context of a call.
func (c *client) deadline() (context.Context, context.CancelFunc) {
	return context.WithTimeout(c.load.life, deadlines[c.rand.IntN(len(deadlines))])
}

// begin is the record of a call that is made now.
func (c *client) begin(kind history.Kind) history.Record {
	return history.Record{
		Client: c.number, Workload: c.workload, Kind: kind, Via: c.via, Node: c.node, Namespace: c.namespace,
		Call: c.load.history.Now(),
	}
}

// changed completes and adds the record of a call that changes something. After an
// unknown outcome the client has a new number.
func (c *client) changed(r *history.Record, err error) {
	outcome, reason := judge(err)
	if c.via == history.SDK && notSent(err) {
		outcome, reason = history.Refused, "NOT_SENT"
	}
	c.settle(r, outcome, reason, err)
	c.count(err)
}

// settle is changed for a caller that knows better what an error says.
func (c *client) settle(r *history.Record, outcome history.Outcome, reason string, err error) {
	r.Return = c.load.history.Now()
	r.Outcome, r.Reason = outcome, reason
	c.refusedAt(r, err)
	c.load.history.Add(*r)
	c.told(r)
	switch r.Outcome {
	case history.OK:
		if c.namespace == "default" && c.workload != history.Namespaces {
			raise(&c.load.lastWrite, int64(r.Return))
		}
	case history.Unknown:
		c.number = c.load.numbers.Add(1)
	}
}

// read completes the record of a call that changes nothing, and adds it if it was
// answered, be it with a refusal. It reports whether it was.
func (c *client) read(r *history.Record, err error) bool {
	r.Return = c.load.history.Now()
	r.Outcome, r.Reason = judge(err)
	c.count(err)
	if r.Outcome == history.Unknown || undecided[r.Reason] {
		return false
	}
	c.refusedAt(r, err)
	c.load.history.Add(*r)
	c.told(r)
	return true
}

// retried asks a few times what changes nothing. Each time is a read of its own.
func (c *client) retried(ask func(ctx context.Context) error) (err error) {
	for range 3 {
		ctx, cancel := c.deadline()
		err = ask(ctx)
		cancel()
		if outcome, reason := judge(err); c.load.stopping.Err() != nil || outcome == history.OK ||
			outcome == history.Refused && !undecided[reason] {
			return err
		}
	}
	return err
}

// refusedAt notes the revision that a refusal speaks of. That of a compaction is what
// was asked for.
func (c *client) refusedAt(r *history.Record, err error) {
	if r.Kind == history.Compacted {
		return
	}
	if e, ok := errors.AsType[*conclave.Error](err); ok && r.Outcome == history.Refused {
		r.Revision = int64(e.Revision)
	}
}

// told remembers how far the namespace is.
func (c *client) told(r *history.Record) {
	if c.namespace == "default" && r.Outcome == history.OK {
		raise(&c.load.head, r.Revision)
	}
}

// count notes whether the service answers. A refusal is an answer. One that must not
// be is a complaint, of which one for each client is enough.
func (c *client) count(err error) {
	if alarming(err) && !c.alarmed {
		c.alarmed = true
		c.complain("a call was answered with what no client may be told: %v", err)
	}
	outcome, reason := judge(err)
	if outcome == history.Unknown || undecided[reason] {
		c.failures++
		return
	}
	c.failures = 0
}

// complain notes something that must not be, for the verdict.
func (c *client) complain(format string, args ...any) {
	now := c.load.history.Now()
	c.load.history.Add(history.Record{
		Client: c.number, Workload: c.workload, Kind: history.Complaint, Via: c.via, Node: c.node, Namespace: c.namespace,
		Key: cmp.Or(c.node, "some node"), Reason: fmt.Sprintf(format, args...), Call: now, Return: now,
	})
}
