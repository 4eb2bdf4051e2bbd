// Package workload has what the systems are measured with: one file per workload,
// each written once against package system.
package workload

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"time"

	"github.com/conclavehq/conclave/benchmarks/measure"
	"github.com/conclavehq/conclave/benchmarks/system"
)

// Workload is one thing that is measured.
type Workload struct {
	// Name is what -workloads chooses by; a table shows Title.
	Name, Title string
	// Counted is what an operation is, e.g. "put".
	Counted string
	// Series and Callers place it in a plot; an empty Series: in none.
	Series  string
	Callers int
	// Nodes is the size of the cluster.
	Nodes int
	// Profiled says that the nodes serve profiles, which Cluster.LiveHeap needs.
	Profiled bool
	// EtcdClient says that both systems are called with etcd's own client.
	EtcdClient bool
	// Goals are what was promised.
	Goals []Goal
	// Mode is the flag that asks for a workload which is too long for a normal
	// run; empty: it belongs to that.
	Mode string
	// Note says what a reader has to know to understand the figures.
	Note string
	// Run does it. It calls Bench.Start when it is ready, and returns when all
	// of its goroutines have ended.
	Run func(ctx context.Context, b *Bench) error
}

// Bench is what a workload runs on: a fresh cluster, clients and a window.
type Bench struct {
	*measure.Window
	Cluster *system.Cluster
	// Clients are used in turn by the callers. Dir is on the servers' disk.
	Clients []system.Client
	Dir     string
	// Extra are figures that only this workload has.
	Extra map[string]float64
	// Size is the workload's own number of things when a flag changes it.
	Size int
	// Say reports progress of something long.
	Say func(format string, args ...any)
}

// Client is the one that a caller uses.
func (b *Bench) Client(caller int) system.Client { return b.Clients[caller%len(b.Clients)] }

// operation is one step of a closed loop.
type operation func() error

// loop runs callers that each do one operation after the other until the window
// is over. prepare makes a caller's operation before the window begins.
func (b *Bench) loop(ctx context.Context, callers int, prepare func(caller int) (operation, error)) error {
	operations := make([]operation, callers)
	for i := range operations {
		var err error
		if operations[i], err = prepare(i); err != nil {
			return fmt.Errorf("preparing caller %d: %w", i, err)
		}
	}
	var all sync.WaitGroup
	b.Start(ctx)
	for _, do := range operations {
		lane := b.Lane()
		all.Go(func() {
			for !b.Over() {
				began := time.Now()
				if err := do(); err != nil {
					b.Fail(err)
					continue
				}
				lane.Done(time.Since(began))
			}
		})
	}
	all.Wait()
	<-b.Done()
	return nil
}

// sessions makes a session for each caller, and ends them with stop.
func (b *Bench) sessions(ctx context.Context, n int) (all []system.Session, stop func(), err error) {
	stop = func() {
		var closing sync.WaitGroup
		for _, s := range all {
			closing.Go(func() { b.Fail(s.Close(ctx)) })
		}
		closing.Wait()
	}
	for i := range n {
		s, err := b.Client(i).Session(ctx, sessionTTL)
		if err != nil {
			stop()
			return nil, nil, fmt.Errorf("session %d: %w", i, err)
		}
		all = append(all, s)
	}
	return all, stop, nil
}

const (
	valueSize = 256
	// sessionTTL is etcd's default, so that renewals do not disturb.
	sessionTTL = time.Minute
)

// input makes what one caller sends. The same caller sends the same to both
// systems.
type input struct {
	*rand.Rand
}

func newInput(caller int) input { return input{rand.New(rand.NewPCG(20, uint64(caller)))} }

// text is what values are cut from: printable, so that all clients may treat it
// as they treat text, and random, so that compression gains little.
var text = func() string {
	const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_"
	r := rand.New(rand.NewPCG(1, 2))
	var b strings.Builder
	for range 4 << 20 {
		b.WriteByte(letters[r.IntN(len(letters))])
	}
	return b.String()
}()

// value is 256 bytes.
func (in input) value() string {
	at := in.IntN(len(text) - valueSize)
	return text[at : at+valueSize]
}

// key is one of n keys of 8 bytes.
func (in input) key(n int) string { return key(in.IntN(n)) }

func key(i int) string { return fmt.Sprintf("%08d", i) }
