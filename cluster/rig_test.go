package cluster_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"go.uber.org/goleak"

	"github.com/conclavehq/conclave/cluster"
	logv1 "github.com/conclavehq/conclave/proto/gen/conclave/log/v1"
	"github.com/conclavehq/conclave/statemachine"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience is how long anything in these tests may take.
const patience = 30 * time.Second

// rig is the nodes of one cluster in this process.
type rig struct {
	t     *testing.T
	nodes []*node
}

// node is a node that may be stopped and started again.
type node struct {
	*cluster.Cluster
	rig    *rig
	config cluster.Config
	fatal  chan error

	address string // where it listens unless config says otherwise
}

// newRig configures nodes named a, b, c … and starts them.
func newRig(t *testing.T, size int, change ...func(*cluster.Config)) *rig {
	t.Helper()
	r := &rig{t: t}
	var peers []cluster.Peer
	var listeners []net.Listener
	for i := range size {
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		listeners = append(listeners, ln)
		peers = append(peers, cluster.Peer{Name: string(rune('a' + i)), URL: "http://" + ln.Addr().String()})
	}
	base := t.TempDir()
	for i, p := range peers {
		n := &node{rig: r, fatal: make(chan error, 1), address: listeners[i].Addr().String()}
		n.config = cluster.Config{
			Name:           p.Name,
			Dir:            filepath.Join(base, p.Name),
			PeerListeners:  []net.Listener{listeners[i]},
			InitialCluster: peers,
			ClientURLs:     []string{"http://" + p.Name},
			NewMachine:     newMachine,
			Tick:           5 * time.Millisecond,
			HeartbeatTicks: 4,
			ElectionTicks:  40,
			Fatal:          func(err error) { n.fatal <- err },
			Log:            testLog(),
		}
		for _, f := range change {
			f(&n.config)
		}
		r.nodes = append(r.nodes, n)
	}
	var starts sync.WaitGroup
	for _, n := range r.nodes {
		starts.Go(func() {
			if err := n.try(); err != nil {
				t.Errorf("node %s does not start: %v", n.config.Name, err)
			}
		})
	}
	if starts.Wait(); t.Failed() {
		t.FailNow()
	}
	for _, n := range r.nodes {
		n.ready()
	}
	return r
}

func newMachine(c cluster.MachineConfig) cluster.Machine {
	return statemachine.New(statemachine.Config{
		Shard: c.Shard, Replica: c.Replica, Dir: c.Dir, Existing: c.Existing, Results: c.Results, Log: c.Log,
	})
}

func testLog() zerolog.Logger {
	if os.Getenv("CONCLAVE_TEST_LOG") == "" {
		return zerolog.Nop()
	}
	return zerolog.New(os.Stderr).With().Timestamp().Logger()
}

func within(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	return ctx
}

// start starts the node or fails the test.
func (n *node) start() {
	n.rig.t.Helper()
	if err := n.try(); err != nil {
		n.rig.t.Fatalf("node %s does not start: %v", n.config.Name, err)
	}
}

func (n *node) try() error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if n.config.PeerListeners == nil {
		ln, err := net.Listen("tcp", n.address)
		if err != nil {
			return err
		}
		n.config.PeerListeners = []net.Listener{ln}
	}
	c, err := cluster.Start(ctx, n.config)
	n.config.PeerListeners = nil // it closes them
	if err != nil {
		return err
	}
	n.Cluster = c
	n.rig.t.Cleanup(n.kill)
	return nil
}

func (n *node) ready() {
	n.rig.t.Helper()
	select {
	case <-n.Ready():
	case err := <-n.fatal:
		n.rig.t.Fatalf("node %s must stop: %v", n.config.Name, err)
	case <-within(n.rig.t).Done():
		n.rig.t.Fatalf("node %s is not ready: %+v", n.config.Name, n.Status())
	}
}

// kill stops the node without handing its leadership over, as far as a process
// can do that to itself.
func (n *node) kill() {
	now, cancel := context.WithCancel(context.Background())
	cancel()
	_ = n.Stop(now)
}

// stop stops the node in order.
func (n *node) stop() {
	n.rig.t.Helper()
	if err := n.Stop(within(n.rig.t)); err != nil {
		n.rig.t.Fatal(err)
	}
}

func (r *rig) node(name string) *node {
	for _, n := range r.nodes {
		if n.config.Name == name {
			return n
		}
	}
	r.t.Fatalf("there is no node %q", name)
	return nil
}

// leader is the node that leads a shard, by what from knows.
func (r *rig) leader(from *node, shard uint64) *node {
	r.t.Helper()
	var leader *node
	eventually(r.t, func() error {
		for _, s := range from.Status().Shards {
			if s.Shard == shard && s.Leader != "" {
				leader = r.node(s.Leader)
				return nil
			}
		}
		return errors.New("no leader")
	})
	return leader
}

// others are all nodes but one.
func (r *rig) others(not *node) []*node {
	var others []*node
	for _, n := range r.nodes {
		if n != not {
			others = append(others, n)
		}
	}
	return others
}

// eventually waits for a state that nothing announces.
func eventually(t *testing.T, check func() error) {
	t.Helper()
	ctx := within(t)
	ticker := time.NewTicker(5 * time.Millisecond)
	defer ticker.Stop()
	for {
		err := check()
		if err == nil {
			return
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			t.Fatal(err)
		}
	}
}

// shard is where the default namespace lives in these tests.
const shard, namespace = 2, 1

func putCommand(key, value string) *logv1.Command {
	return &logv1.Command{NamespaceId: namespace, Body: &logv1.Command_Put{
		Put: &logv1.Put{Key: []byte(key), Value: []byte(value)},
	}}
}

func withID(cmd *logv1.Command, client string, sequence uint64) *logv1.Command {
	cmd.RequestId = &logv1.RequestId{Client: client, Sequence: sequence, DoneBelow: sequence}
	return cmd
}

// put writes through a node or fails the test.
func (n *node) put(key, value string) *logv1.Result {
	n.rig.t.Helper()
	result, err := n.Propose(within(n.rig.t), shard, putCommand(key, value))
	if err != nil {
		n.rig.t.Fatalf("put through %s: %v", n.config.Name, err)
	}
	if result.GetRefusal() != nil {
		n.rig.t.Fatalf("put through %s: %v", n.config.Name, result.GetRefusal())
	}
	return result
}

// get reads a key through a node; nil if there is none.
func (n *node) get(key string, opts cluster.ReadOptions) *logv1.KeyValue {
	n.rig.t.Helper()
	answer, err := n.Query(within(n.rig.t), shard, opts, rangeQuery(key))
	if err != nil || answer.GetRefusal() != nil {
		n.rig.t.Fatalf("get through %s: %v %v", n.config.Name, err, answer.GetRefusal())
	}
	for _, kv := range answer.GetRange().GetKvs() {
		return kv
	}
	return nil
}

func rangeQuery(key string) *logv1.Query {
	return &logv1.Query{
		NamespaceId: namespace,
		Body:        &logv1.Query_Range{Range: &logv1.Range{Key: []byte(key)}},
	}
}

func timeLimit(t *testing.T, d time.Duration) (context.Context, context.CancelFunc) {
	t.Helper()
	return context.WithTimeout(t.Context(), d)
}

func (n *node) wantValue(key, value string, opts cluster.ReadOptions) {
	n.rig.t.Helper()
	if kv := n.get(key, opts); string(kv.GetValue()) != value {
		n.rig.t.Fatalf("%s read through %s: %q, want %q", key, n.config.Name, kv.GetValue(), value)
	}
}

func numbered(prefix string, i int) string { return fmt.Sprintf("%s%04d", prefix, i) }

func second[A any](_ A, err error) error { return err }

func wantRefusal(t *testing.T, reason logv1.Reason, err error) {
	t.Helper()
	var refusal *cluster.RefusedError
	if !errors.As(err, &refusal) || refusal.Refusal.GetReason() != reason {
		t.Errorf("error %v, want a refusal with %v", err, reason)
	}
}
