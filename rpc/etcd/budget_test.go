package etcd

import (
	"errors"
	"testing"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"

	"github.com/conclavehq/conclave/internal/budget"
)

// Each limit holds by itself, and what is answered makes room again.
func TestLimits(t *testing.T) {
	p := newInProgress(Limits{Calls: 3, Bytes: 1000, Waits: 2, Streams: 1})
	wantRefused := func(_ func(), err error) {
		t.Helper()
		if !errors.Is(err, rpctypes.ErrGRPCRequestTooManyRequests) {
			t.Errorf("got %v", err)
		}
	}
	wantTaken := func(done func(), err error) func() {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return done
	}
	const put, lock, campaign = "/etcdserverpb.KV/Put", "/v3lockpb.Lock/Lock", "/v3electionpb.Election/Campaign"
	small, large := &pb.PutRequest{}, &pb.PutRequest{Value: make([]byte, 1000)}

	alone := wantTaken(p.call(put, large)) // one has to fit, whatever its size
	alone()
	first := wantTaken(p.call(put, small))
	wantRefused(p.call(put, large))
	second, third := wantTaken(p.call(put, small)), wantTaken(p.call(put, small))
	wantRefused(p.call(put, small))

	waits := []func(){wantTaken(p.call(lock, small)), wantTaken(p.call(campaign, small))}
	wantRefused(p.call(lock, small))
	waits[0]()
	wantRefused(p.call(campaign, large)) // who waits holds its request
	waits[0] = wantTaken(p.call(lock, small))
	stream := wantTaken(p.stream())
	wantRefused(p.stream())

	for _, done := range append(waits, first, second, third, stream) {
		done()
	}
	for what, used := range map[string]*budget.Budget{"calls": &p.calls, "waits": &p.waits, "streams": &p.streams} {
		if open, bytes := used.Used(); open != 0 || bytes != 0 {
			t.Errorf("%d %s with %d bytes are left", open, what, bytes)
		}
	}
}

// The requests that are in progress hold no more than they may, also when they are few
// and large.
func TestFewCallsMayBeMuch(t *testing.T) {
	p := newInProgress(Limits{})
	large := &pb.PutRequest{Value: make([]byte, 1<<20)}
	for i := range 256 {
		if _, err := p.call("/etcdserverpb.KV/Put", large); err != nil {
			if i < 250 {
				t.Errorf("call %d: %v", i, err)
			}
			return
		}
	}
	t.Error("256 MiB of requests and more are taken")
}
