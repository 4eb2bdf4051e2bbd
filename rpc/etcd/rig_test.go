package etcd_test

import (
	"context"
	"errors"
	"net"
	"net/http"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/rs/zerolog"
	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.uber.org/goleak"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"

	"github.com/conclavehq/conclave/cluster"
	logv1 "github.com/conclavehq/conclave/proto/gen/conclave/log/v1"
	"github.com/conclavehq/conclave/rpc"
	"github.com/conclavehq/conclave/rpc/etcd"
	"github.com/conclavehq/conclave/statemachine"
	"github.com/conclavehq/conclave/statemachine/feed"
)

// The HTTP server waits half a second for the other side before it closes a connection whose
// body it did not read to the end.
func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("net/http.(*conn).closeWriteAndWait"))
}

// patience is how long anything in these tests may take.
const patience = 30 * time.Second

// site is a node with both of its ports.
type site struct {
	*cluster.Cluster
	t *testing.T
	// plain is where the client port is; native and connect are connections to
	// etcd's port and to the client port.
	plain           string
	native, connect *grpc.ClientConn
	api             *etcd.Server
	end             sync.Once
	ends            []func()
}

// newSites starts nodes named a, b, c … of one cluster.
func newSites(t *testing.T, size int) []*site {
	t.Helper()
	var peers []cluster.Peer
	var listeners []net.Listener
	for i := range size {
		l := listen(t)
		listeners = append(listeners, l)
		peers = append(peers, cluster.Peer{Name: string(rune('a' + i)), URL: "http://" + l.Addr().String()})
	}
	base := t.TempDir()
	sites := make([]*site, size)
	var starts sync.WaitGroup
	for i, peer := range peers {
		sites[i] = &site{t: t}
		starts.Go(func() { sites[i].start(peers, peer.Name, base, listeners[i]) })
	}
	if starts.Wait(); t.Failed() {
		t.FailNow()
	}
	for _, s := range sites {
		select {
		case <-s.Ready():
		case <-within(t).Done():
			t.Fatal("a node is not ready")
		}
		s.serve()
	}
	return sites
}

func newSite(t *testing.T) *site {
	t.Helper()
	return newSites(t, 1)[0]
}

func listen(t *testing.T) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// Watch begins a watch on the node's replica.
func (s *site) Watch(shard uint64, req feed.WatchRequest) (*feed.Watcher, error) {
	machine, err := s.Machine(shard)
	if err != nil {
		return nil, err
	}
	return machine.Watch(req)
}

func (s *site) start(peers []cluster.Peer, name, base string, l net.Listener) {
	c, err := cluster.Start(within(s.t), cluster.Config{
		Name:           name,
		Dir:            filepath.Join(base, name),
		PeerListeners:  []net.Listener{l},
		InitialCluster: peers,
		ClientURLs:     []string{"http://" + name + ":2379"},
		NewMachine: func(c cluster.MachineConfig) cluster.Machine {
			return statemachine.New(statemachine.Config{
				Shard: c.Shard, Replica: c.Replica, Dir: c.Dir, Existing: c.Existing, Results: c.Results, Log: c.Log,
			})
		},
		Tick:           5 * time.Millisecond,
		HeartbeatTicks: 4,
		ElectionTicks:  40,
		Fatal:          func(err error) { s.t.Error(err) },
		Log:            zerolog.Nop(),
	})
	if err != nil {
		s.t.Errorf("node %s does not start: %v", name, err)
		return
	}
	s.Cluster = c
	s.t.Cleanup(s.stop)
}

// serve lets a server answer on two ports.
func (s *site) serve() {
	s.t.Helper()
	var err error
	if s.api, err = etcd.New(etcd.Config{Cluster: s}); err != nil {
		s.t.Fatal(err)
	}
	mux := http.NewServeMux()
	s.api.Mount(mux)
	web := rpc.HTTPServer(mux)
	var serving sync.WaitGroup
	client, port := listen(s.t), listen(s.t)
	serving.Go(func() { _ = web.Serve(client) })
	serving.Go(func() { _ = s.api.Serve(port, web) })
	s.plain = "http://" + client.Addr().String()
	s.native, s.connect = dial(s.t, port), dial(s.t, client)
	s.ends = append(s.ends, func() {
		_ = s.native.Close()
		_ = s.connect.Close()
		s.api.Close()
		_ = web.Close()
		serving.Wait()
	})
}

// stop ends the servers and then the node, without handing leadership over.
func (s *site) stop() {
	s.end.Do(func() {
		for _, end := range s.ends {
			end()
		}
		now, cancel := context.WithCancel(context.Background())
		cancel()
		_ = s.Stop(now)
	})
}

func dial(t *testing.T, l net.Listener) *grpc.ClientConn {
	t.Helper()
	conn, err := grpc.NewClient(l.Addr().String(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	return conn
}

// ports are the connections to both ports, by what to call them.
func (s *site) ports() map[string]*grpc.ClientConn {
	return map[string]*grpc.ClientConn{"native": s.native, "connect": s.connect}
}

func within(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	return ctx
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

// led waits until all sites know the same leader of the namespace's shard, and
// returns it and another one.
func led(t *testing.T, sites []*site) (leader, other *site) {
	t.Helper()
	where, err := sites[0].Namespace(within(t), etcd.DefaultNamespace)
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, func() error {
		known := sites[0].Standing(where.Shard).LeaderID
		leader, other = nil, nil
		for _, s := range sites {
			standing := s.Standing(where.Shard)
			switch {
			case standing.LeaderID == 0 || standing.LeaderID != known:
				return errors.New("the nodes know no common leader")
			case standing.ReplicaID == known:
				leader = s
			default:
				other = s
			}
		}
		return nil
	})
	return leader, other
}

// wantError checks the text of an error, and its code.
func wantError(t *testing.T, what string, want, err error) {
	t.Helper()
	if status.Convert(err).Message() != status.Convert(want).Message() || status.Code(err) != status.Code(want) {
		t.Errorf("%s: %v, want %v", what, err, want)
	}
}

func second[A any](_ A, err error) error { return err }

// checkHeader checks what every answer begins with.
func checkHeader(t *testing.T, what string, h *pb.ResponseHeader) {
	t.Helper()
	if h.GetClusterId() == 0 || h.GetMemberId() == 0 || h.GetRaftTerm() == 0 || h.GetRevision() == 0 {
		t.Errorf("%s: header %v is not complete", what, h)
	}
}

// propose has a command applied to the namespace through a node.
func (s *site) propose(command *logv1.Command) *logv1.Result {
	s.t.Helper()
	where, err := s.Namespace(within(s.t), etcd.DefaultNamespace)
	if err != nil {
		s.t.Fatal(err)
	}
	command.NamespaceId = where.ID
	result, err := s.Propose(within(s.t), where.Shard, command)
	if err != nil || result.GetRefusal() != nil {
		s.t.Fatalf("%v: %v %v", command, err, result.GetRefusal())
	}
	return result
}

func (s *site) put(key, value string) *logv1.Result {
	s.t.Helper()
	return s.propose(&logv1.Command{Body: &logv1.Command_Put{Put: &logv1.Put{Key: []byte(key), Value: []byte(value)}}})
}

func (s *site) remove(key string) *logv1.Result {
	s.t.Helper()
	return s.propose(&logv1.Command{Body: &logv1.Command_DeleteRange{DeleteRange: &logv1.DeleteRange{Key: []byte(key)}}})
}

func (s *site) compact(revision int64) *logv1.Result {
	s.t.Helper()
	return s.propose(&logv1.Command{Body: &logv1.Command_Compact{Compact: &logv1.Compact{Revision: revision}}})
}

// await waits until the node has applied what a result is of.
func (s *site) await(result *logv1.Result) {
	s.t.Helper()
	where, err := s.Namespace(within(s.t), etcd.DefaultNamespace)
	if err != nil {
		s.t.Fatal(err)
	}
	machine, err := s.Machine(where.Shard)
	if err == nil {
		err = machine.WaitApplied(within(s.t), result.GetIndex())
	}
	if err != nil {
		s.t.Fatal(err)
	}
}
