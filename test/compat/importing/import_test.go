package importing

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"

	"github.com/conclavehq/conclave/embed"
	"github.com/conclavehq/conclave/internal/etcdsource"
	"github.com/conclavehq/conclave/internal/migrate"
	conclave "github.com/conclavehq/conclave/sdk"
)

// startNode runs a node and returns a client of it.
func startNode(t *testing.T) (*embed.Node, *conclave.Client) {
	t.Helper()
	node, err := embed.Start(within(t), embed.Config{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = node.Stop() })
	return node, dial(t, node)
}

func dial(t *testing.T, node *embed.Node) *conclave.Client {
	t.Helper()
	c, err := conclave.Dial(t.Context(), node.Endpoints())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// transfer is one run of the importer.
type transfer struct {
	t      *testing.T
	client *conclave.Client
	config etcdsource.Config
	move   migrate.Move
	// follows is closed when the copy is there and the importer follows.
	follows chan struct{}
	once    sync.Once
	// report is told, too, how far the importer is.
	report func(migrate.Report)
	notes  []string
}

func newTransfer(t *testing.T, from *server, to *conclave.Client) *transfer {
	x := &transfer{t: t, client: to, follows: make(chan struct{})}
	x.config = etcdsource.Config{Endpoints: []string{from.url}, DialTimeout: time.Second, Patience: 3 * time.Second, Note: func(string) {}}
	return x
}

func (x *transfer) run(ctx context.Context) (migrate.Result, error) {
	x.config.Span = x.move.Span
	etcd, err := etcdsource.Open(ctx, x.config)
	if err != nil {
		return migrate.Result{}, err
	}
	defer etcd.Close()
	x.move.Origin = etcd
	x.move.Destination = migrate.NewDestination(x.client, etcd.Source(), time.Hour)
	x.move.Report = func(r migrate.Report) {
		if r.Stage == migrate.Following {
			x.once.Do(func() { close(x.follows) })
		}
		if r.Note != "" {
			x.notes = append(x.notes, r.Note)
		}
		if x.report != nil {
			x.report(r)
		}
	}
	return x.move.Run(ctx)
}

// following is a transfer that goes on in the background.
type following struct {
	*transfer
	stop   chan struct{}
	result migrate.Result
	err    error
	done   chan struct{}
}

// follow begins to follow, and returns when the copy is there.
func (x *transfer) follow() *following {
	x.t.Helper()
	f := &following{transfer: x, stop: make(chan struct{}), done: make(chan struct{})}
	x.move.Follow, x.move.Stop = true, f.stop
	ctx := within(x.t)
	go func() {
		f.result, f.err = x.run(ctx)
		close(f.done)
	}()
	select {
	case <-x.follows:
	case <-f.done:
		x.t.Fatal(f.err)
	}
	return f
}

// cutOver stops the writers' side and returns when the importer has ended.
func (f *following) cutOver() migrate.Result {
	f.t.Helper()
	close(f.stop)
	<-f.done
	if f.err != nil {
		f.t.Fatal(f.err)
	}
	return f.result
}

func (x *transfer) must() migrate.Result {
	x.t.Helper()
	result, err := x.run(within(x.t))
	if err != nil {
		x.t.Fatal(err)
	}
	return result
}

func (x *transfer) fails(want string) {
	x.t.Helper()
	_, err := x.run(within(x.t))
	if err == nil || !strings.Contains(err.Error(), want) {
		x.t.Errorf("got %v, want %q", err, want)
	}
}

// Guarantees I1 and I6: everything arrives as it is, and goes on from there.
func TestCopy(t *testing.T) {
	from := startEtcd(t)
	_, to := startNode(t)
	from.grant(77, 60)
	from.grant(-5, 3600)
	from.put("\x00", "lowest", 0)
	from.put("a", "one", 0)
	from.put("a", "two", 77)
	from.put("gone", "x", 0)
	from.del("gone", "")
	from.put("\xff\xfe", strings.Repeat("v", 3<<20), -5)
	head := from.put("z", "", 0)

	x := newTransfer(t, from, to)
	result := x.must()
	if result.Keys != 4 || result.Leases != 2 || result.Revision != head {
		t.Fatalf("%+v, want revision %d", result, head)
	}
	kv, err := to.Get(within(t), "a")
	if err != nil || kv.Version != 2 || kv.Lease != 77 || string(kv.Value) != "two" || int64(kv.Modified) != head-4 {
		t.Errorf("%+v, %v", kv, err)
	}
	lease, err := to.GetLease(within(t), 77)
	if err != nil || lease.TTL != time.Minute || lease.Remaining > time.Minute {
		t.Errorf("%+v, %v: it must end by itself now", lease, err)
	}
	if revision, err := to.Put(within(t), "a", "three"); err != nil || int64(revision) != head+1 {
		t.Errorf("the next revision is %d, %v", revision, err)
	}
	newTransfer(t, from, to).fails("somebody has written to it since")
}

// writers change keys all the while, until they are told to stop.
func (s *server) writers(n int) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	for w := range n {
		running.Go(func() {
			rng := rand.New(rand.NewPCG(uint64(w), 1))
			for ctx.Err() == nil {
				if err := s.random(ctx, rng); err != nil && ctx.Err() == nil {
					s.t.Error(err)
					return
				}
			}
		})
	}
	return func() {
		cancel()
		running.Wait()
	}
}

// random makes one random change.
func (s *server) random(ctx context.Context, rng *rand.Rand) error {
	key := func() []byte { return fmt.Appendf(nil, "w/%02d", rng.IntN(60)) }
	put := func() *pb.PutRequest {
		return &pb.PutRequest{Key: key(), Value: fmt.Appendf(nil, "%d", rng.Uint64()), Lease: int64(1000 + rng.IntN(4))}
	}
	var err error
	switch rng.IntN(8) {
	case 0:
		_, err = s.DeleteRange(ctx, &pb.DeleteRangeRequest{Key: key()})
	case 1:
		from := key()
		_, err = s.DeleteRange(ctx, &pb.DeleteRangeRequest{Key: from, RangeEnd: append(from, '9')})
	case 2:
		// etcd takes a put and a delete of one key, if they are in transactions of
		// their own within one: both are told, in the same revision.
		again := key()
		_, err = s.Txn(ctx, &pb.TxnRequest{Success: []*pb.RequestOp{
			{Request: &pb.RequestOp_RequestTxn{RequestTxn: &pb.TxnRequest{Success: []*pb.RequestOp{
				{Request: &pb.RequestOp_RequestPut{RequestPut: &pb.PutRequest{Key: again, Value: []byte("for a moment")}}},
			}}}},
			{Request: &pb.RequestOp_RequestTxn{RequestTxn: &pb.TxnRequest{Success: []*pb.RequestOp{
				{Request: &pb.RequestOp_RequestDeleteRange{RequestDeleteRange: &pb.DeleteRangeRequest{Key: again}}},
			}}}},
		}})
	case 3:
		lease := int64(1000 + rng.IntN(4))
		if _, err = s.LeaseRevoke(ctx, &pb.LeaseRevokeRequest{ID: lease}); err != nil {
			err = nil
		}
	default:
		request := put()
		if _, err = s.Put(ctx, request); err != nil && strings.Contains(err.Error(), "lease not found") {
			_, _ = s.LeaseGrant(ctx, &pb.LeaseGrantRequest{ID: request.GetLease(), TTL: 60})
			err = nil
		}
	}
	return err
}

// Guarantee I3: the importer follows what is written all the while, up to the cut-over.
func TestFollow(t *testing.T) {
	from := startEtcd(t)
	_, to := startNode(t)
	from.fill("base/", 3000, 200)
	stopWriters := from.writers(4)
	defer stopWriters()

	x := newTransfer(t, from, to).follow()
	for range 200 {
		from.put("progress", "x", 0)
	}
	stopWriters()
	last := from.put("last", "write", 0)
	result := x.cutOver()
	// Writes that their writers had given up may have come after the last one.
	if result.Revision < last {
		t.Fatalf("%+v; want revision %d", result, last)
	}
	if kv, err := to.Get(within(t), "last"); err != nil || int64(kv.Modified) != last {
		t.Errorf("%+v, %v", kv, err)
	}

	// A client goes on with a revision that it knows from etcd.
	next := false
	if _, err := to.Put(within(t), "here", "now"); err != nil {
		t.Fatal(err)
	}
	for event, err := range to.Watch(within(t), "", conclave.WithPrefix(), conclave.FromRevision(conclave.Revision(last))) {
		if err != nil {
			t.Fatal(err)
		}
		if event.KV.Key == "here" {
			next = true
			break
		}
		given := int64(event.Revision) > last && int64(event.Revision) <= result.Revision
		if !given && (event.KV.Key != "last" || int64(event.Revision) != last) {
			t.Errorf("a watch from revision %d told %+v", last, event)
		}
	}
	if !next {
		t.Error("the watch ended")
	}
}
