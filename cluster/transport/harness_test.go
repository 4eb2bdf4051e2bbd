package transport

import (
	"context"
	"net"
	"testing"
	"time"

	"github.com/lni/dragonboat/v4/config"
	"github.com/lni/dragonboat/v4/raftio"
	pb "github.com/lni/dragonboat/v4/raftpb"
	"github.com/rs/zerolog"
	"go.uber.org/goleak"
)

// patience bounds every wait in these tests; only a failing test uses it up.
const patience = 20 * time.Second

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// testPeer is one node without a NodeHost: a mux and a transport on it.
type testPeer struct {
	self     Hello
	addr     string
	mux      *Mux
	factory  *Factory
	trans    raftio.ITransport
	registry *Registry
	batches  chan pb.MessageBatch
	chunks   chan pb.Chunk
	refused  chan string
}

func nodeHostID(h Hello) string {
	return "00000000-0000-4000-8000-00000000000" + h.Name[len(h.Name)-1:]
}

func listen(t *testing.T) net.Listener {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return ln
}

func startPeer(t *testing.T, self Hello, change func(*MuxConfig, *Config)) *testPeer {
	t.Helper()
	return startPeerOn(t, listen(t), self, change)
}

func startPeerOn(t *testing.T, ln net.Listener, self Hello, change func(*MuxConfig, *Config)) *testPeer {
	t.Helper()
	p := &testPeer{
		self:     self,
		registry: NewRegistry(),
		batches:  make(chan pb.MessageBatch, 16),
		chunks:   make(chan pb.Chunk, 16),
		refused:  make(chan string, 16),
	}
	log := zerolog.New(zerolog.NewTestWriter(t))
	mcfg := MuxConfig{Log: log}
	cfg := Config{
		Self:      self,
		Registry:  p.registry,
		OnRefused: func(_ Hello, reason string) { p.refused <- reason },
		Log:       log,
	}
	if change != nil {
		change(&mcfg, &cfg)
	}
	p.addr = ln.Addr().String()
	mux, err := Listen(mcfg, ln)
	if err != nil {
		t.Fatal(err)
	}
	p.mux = mux
	t.Cleanup(func() { _ = mux.Close() })
	factory, err := NewFactory(mux, cfg)
	if err != nil {
		t.Fatal(err)
	}
	p.factory = factory
	p.start(t)
	t.Cleanup(func() { _ = p.trans.Close() })
	return p
}

func (p *testPeer) start(t *testing.T) {
	t.Helper()
	p.trans = p.factory.Create(config.NodeHostConfig{},
		func(b pb.MessageBatch) { p.batches <- b },
		func(c pb.Chunk) bool { p.chunks <- c; return true })
	if err := p.trans.Start(); err != nil {
		t.Fatal(err)
	}
}

// restart ends all connections of p, as a restart of its process would.
func (p *testPeer) restart(t *testing.T) {
	t.Helper()
	if err := p.trans.Close(); err != nil {
		t.Fatal(err)
	}
	p.start(t)
}

// knows tells p where other is.
func (p *testPeer) knows(other *testPeer) *testPeer {
	p.registry.SetNode(nodeHostID(other.self), other.self.Name, other.addr)
	return p
}

func (p *testPeer) dial(t *testing.T, other *testPeer) (raftio.IConnection, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	return p.trans.GetConnection(ctx, other.addr)
}

// mustReach sends a batch from p to other and waits for it.
func (p *testPeer) mustReach(t *testing.T, other *testPeer) pb.MessageBatch {
	t.Helper()
	conn, err := p.dial(t, other)
	if err != nil {
		t.Fatalf("dial: %v", err)
	}
	defer conn.Close()
	if err := conn.SendMessageBatch(testBatch(p.self)); err != nil {
		t.Fatalf("send: %v", err)
	}
	return receive(t, other.batches)
}

func testBatch(from Hello) pb.MessageBatch {
	return pb.MessageBatch{
		DeploymentId:  7,
		BinVer:        raftio.TransportBinVersion,
		SourceAddress: nodeHostID(from),
		Requests: []pb.Message{{
			Type: pb.Replicate, ShardID: 2, From: 1, To: 2, Term: 3, LogIndex: 9,
			Entries: []pb.Entry{{Term: 3, Index: 10, Cmd: []byte("hello")}},
		}},
	}
}

func receive[T any](t *testing.T, c <-chan T) T {
	t.Helper()
	select {
	case v := <-c:
		return v
	case <-time.After(patience):
		t.Fatal("nothing arrived")
		panic("unreachable")
	}
}

// dialRaw opens a plain TCP connection to p.
func (p *testPeer) dialRaw(t *testing.T) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", p.addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(patience))
	return conn
}

func clusterNode(name string) Hello {
	return Hello{ClusterID: 0xc1, Name: name, Incarnation: 0x1000, Generation: 1}
}
