package etcd

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
)

// silent is a stream of a client that asks for nothing.
type silent struct {
	grpc.ServerStream
	ctx context.Context
}

func (s silent) Context() context.Context     { return s.ctx }
func (s silent) Send(*pb.WatchResponse) error { return nil }
func (s silent) Recv() (*pb.WatchRequest, error) {
	<-s.ctx.Done()
	return nil, s.ctx.Err()
}

func onServer(t *testing.T, test func(t *testing.T, s *Server, f *fake)) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake(0)
		s, err := New(Config{Cluster: f})
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		test(t, s, f)
	})
}

// watch is a stream of a client that wants a leader, or does not say so.
func (s *Server) watch(ctx context.Context, wants bool) <-chan error {
	if wants {
		ctx = metadata.NewIncomingContext(ctx, metadata.Pairs(rpctypes.MetadataRequireLeaderKey, rpctypes.MetadataHasLeader))
	}
	ended := make(chan error, 1)
	go func() {
		ctx, cancel := context.WithCancel(ctx) // as the end of a stream does
		defer cancel()
		ended <- watchServer{Server: s}.Watch(silent{ctx: ctx})
	}()
	return ended
}

// A node that knows no leader ends streams after three election timeouts, as
// etcd does for those that ask for it. Others are not left in the dark either:
// the error makes them go to another node. An election ends nothing.
func TestLeaderless(t *testing.T) {
	onServer(t, func(t *testing.T, s *Server, f *fake) {
		wants, silent := s.watch(t.Context(), true), s.watch(t.Context(), false)
		<-time.After(time.Minute)
		f.lead(0)
		<-time.After(leaderlessFor - leaderlessCheck)
		f.lead(2)
		<-time.After(time.Minute)
		select {
		case err := <-wants:
			t.Fatalf("ended by an election: %v", err)
		case err := <-silent:
			t.Fatalf("ended by an election: %v", err)
		default:
		}

		f.lead(0)
		began := time.Now()
		if err := <-wants; !errors.Is(err, rpctypes.ErrGRPCNoLeader) {
			t.Errorf("who wants a leader was told %v", err)
		}
		if err := <-silent; !errors.Is(err, rpctypes.ErrGRPCUnhealthy) {
			t.Errorf("the other was told %v", err)
		}
		if took := time.Since(began); took < leaderlessFor || took > leaderlessFor+2*leaderlessCheck {
			t.Errorf("they were told after %v", took)
		}

		// Who comes now has as long.
		began = time.Now()
		<-s.watch(t.Context(), false)
		if took := time.Since(began); took < leaderlessFor-leaderlessCheck {
			t.Errorf("the next one was sent away after %v", took)
		}
		f.lead(1)
		<-time.After(time.Second)
		again := s.watch(t.Context(), true)
		select {
		case err := <-again:
			t.Errorf("ended with %v although there is a leader", err)
		case <-time.After(time.Hour):
		}
	})
}

// How a stream ends says why.
func TestWatchEnds(t *testing.T) {
	onServer(t, func(t *testing.T, s *Server, _ *fake) {
		ctx, cancel := context.WithCancel(t.Context())
		ended := s.watch(ctx, false)
		synctest.Wait()
		cancel()
		if err := <-ended; !errors.Is(err, rpctypes.ErrGRPCWatchCanceled) {
			t.Errorf("canceled: %v", err)
		}
		ended = s.watch(t.Context(), false)
		synctest.Wait()
		s.Drain()
		if err := <-ended; !errors.Is(err, rpctypes.ErrGRPCStopped) {
			t.Errorf("drained: %v", err)
		}
	})
}
