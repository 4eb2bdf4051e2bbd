package fault

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	conclave "github.com/conclavehq/conclave/sdk"
	"github.com/conclavehq/conclave/test/faults/history"
	"github.com/conclavehq/conclave/test/faults/nap"
	"github.com/conclavehq/conclave/test/faults/rig"
)

// patience is how long a node may take to be back when nothing is wrong any more.
const patience = 60 * time.Second

// Scene is what one injection works on. It is used by one goroutine.
type Scene struct {
	// ID is that of the fault, for the records.
	ID      string
	Cluster *rig.Cluster
	// Client reaches all nodes, for status and administration.
	Client *conclave.Client
	// Rand decides everything that is open, so that a seed repeats it.
	Rand *rand.Rand
	// Hold is how long the harm lasts; 0 = it is taken back at once.
	Hold time.Duration
	// History gets when the fault began and ended, and what it found wrong.
	History *history.Writer
	Taken   *Taken
	// Binary is the program under test, Previous the one before it ("" = none).
	Binary, Previous string
	// Dir is for files of the harness.
	Dir string

	target string
	parts  int // injections of the scenes that this one is made of
}

// errNothing says that there was nobody to do harm to at the moment.
var errNothing = errors.New("nobody can be harmed so now")

// IsNothing reports that an injection found nobody to do harm to, and did none.
func IsNothing(err error) bool { return errors.Is(err, errNothing) }

// Taken is the set of nodes that injections have in their hands. It may be used by
// many goroutines.
type Taken struct {
	most int

	mu    sync.Mutex // protects what follows
	nodes map[string]bool
}

// NewTaken lets at most so many nodes be taken at a time.
func NewTaken(most int) *Taken { return &Taken{nodes: map[string]bool{}, most: most} }

func (t *Taken) take(name string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.nodes[name] || len(t.nodes) >= t.most {
		return false
	}
	t.nodes[name] = true
	return true
}

func (t *Taken) has(name string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.nodes[name]
}

func (t *Taken) release(name string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.nodes, name)
}

// one takes the leader, with the chance given, or else another node, until the
// scene ends.
func (s *Scene) one(ctx context.Context, chance float64) (*rig.Node, func(), error) {
	wantLeader := s.Rand.Float64() < chance
	order := s.Rand.Perm(len(s.Cluster.Nodes()))
	leader, err := s.leader(ctx)
	if err == nil && wantLeader && s.Taken.take(leader.Name()) {
		return leader, func() { s.Taken.release(leader.Name()) }, nil
	}
	for _, i := range order {
		n := s.Cluster.Nodes()[i]
		if (n != leader || len(order) == 1) && s.Taken.take(n.Name()) {
			return n, func() { s.Taken.release(n.Name()) }, nil
		}
	}
	return nil, nil, errNothing
}

func (s *Scene) leader(ctx context.Context) (*rig.Node, error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	return s.Cluster.Leader(ctx)
}

// begin notes that the harm begins now. It is called when it is known whom the harm is
// done to. Of a leader that cannot lead any more it notes that, too.
func (s *Scene) begin(target string, gone bool) {
	s.target = target
	now := s.History.Now()
	s.History.Add(history.Record{Kind: history.FaultBegun, Key: s.ID, Value: target, Call: now, Return: now})
	if gone {
		s.leaderGone()
	}
}

// leaderGone notes that the leader cannot lead any more, from which the outage is
// counted.
func (s *Scene) leaderGone() {
	now := s.History.Now()
	s.History.Add(history.Record{Kind: history.LeaderGone, Key: s.ID, Node: s.target, Call: now, Return: now})
}

// nothing takes back that the harm began: none was done.
func (s *Scene) nothing() error {
	s.target = ""
	return errNothing
}

// End notes that the harm is over, and returns how many injections it was: 0 when
// none was done.
func (s *Scene) End() int {
	if s.target == "" {
		return s.parts
	}
	now := s.History.Now()
	s.History.Add(history.Record{Kind: history.FaultEnded, Key: s.ID, Value: s.target, Call: now, Return: now})
	return 1
}

// Target is who the harm was done to.
func (s *Scene) Target() string {
	if s.parts > 0 {
		return fmt.Sprintf("%d at a time", s.parts)
	}
	return s.target
}

// complain notes something that must not happen, for the verdict.
func (s *Scene) complain(format string, args ...any) {
	now := s.History.Now()
	s.History.Add(history.Record{Kind: history.Complaint, Key: s.ID, Reason: fmt.Sprintf(format, args...), Call: now, Return: now})
}

// wait lets the harm last.
func (s *Scene) wait(ctx context.Context) { nap.Take(ctx, s.Hold) }

// revive starts nodes that have ended and waits until all of them serve.
func (s *Scene) revive(ctx context.Context, nodes ...*rig.Node) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for _, n := range nodes {
		if ended(n) {
			if err := n.Start(ctx); err != nil {
				return fmt.Errorf("%s: %w", n.Name(), err)
			}
		}
	}
	for _, n := range nodes {
		if err := n.WaitReady(ctx); err != nil {
			return fmt.Errorf("%s is not back: %w; it logged last: %v", n.Name(), err, n.LastLog(5))
		}
	}
	return nil
}

func ended(n *rig.Node) bool {
	select {
	case <-n.Exited():
		return true
	default:
		return false
	}
}

// others are all nodes but one.
func (s *Scene) others(than *rig.Node) []*rig.Node {
	var others []*rig.Node
	for _, n := range s.Cluster.Nodes() {
		if n != than {
			others = append(others, n)
		}
	}
	return others
}

// free are the nodes that no injection has in its hands: who has one starts it again.
func (s *Scene) free() []*rig.Node {
	var free []*rig.Node
	for _, n := range s.Cluster.Nodes() {
		if !s.Taken.has(n.Name()) {
			free = append(free, n)
		}
	}
	return free
}

// shuffled are all nodes in a random order.
func (s *Scene) shuffled() []*rig.Node {
	nodes := append([]*rig.Node(nil), s.Cluster.Nodes()...)
	s.Rand.Shuffle(len(nodes), func(i, j int) { nodes[i], nodes[j] = nodes[j], nodes[i] })
	return nodes
}

func names(nodes []*rig.Node) string {
	text := ""
	for _, n := range nodes {
		text = join(text, n.Name())
	}
	return text
}

// join adds a name to a list as text.
func join(text, name string) string {
	if text == "" {
		return name
	}
	return text + "," + name
}
