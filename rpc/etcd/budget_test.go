package etcd

import (
	"errors"
	"testing"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
)

// Each limit holds by itself, and what is answered makes room again.
func TestLimits(t *testing.T) {
	p := inProgress{limits: Limits{Calls: 3, Bytes: 1000, Waits: 2, Streams: 1}}
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
	stream := wantTaken(p.stream())
	wantRefused(p.stream())

	for _, done := range append(waits, first, second, third, stream) {
		done()
	}
	if p.calls.Load() != 0 || p.bytes.Load() != 0 || p.waits.Load() != 0 || p.streams.Load() != 0 {
		t.Errorf("something is left: %d calls, %d bytes, %d waits, %d streams",
			p.calls.Load(), p.bytes.Load(), p.waits.Load(), p.streams.Load())
	}
}
