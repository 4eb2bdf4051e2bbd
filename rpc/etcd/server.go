package etcd

import (
	"context"
	"sync"
	"time"

	"google.golang.org/grpc"

	"github.com/conclavehq/conclave/cluster"
	"github.com/rs/zerolog"
)

// DefaultNamespace is the one that is shown unless another is chosen.
const DefaultNamespace = "default"

// Config says what a Server serves.
type Config struct {
	// Cluster is what the calls are carried out with. Required.
	Cluster Cluster
	// Namespace is the one that etcd's clients see; empty is "default".
	Namespace string
	// ProgressEvery is how often a watch with progress_notify that saw nothing is
	// told how far it is; 0 is etcd's ten minutes.
	ProgressEvery time.Duration
	// Limits bound what all clients together have in progress.
	Limits Limits
	// Log receives failures of the server itself. The zero value drops them.
	Log zerolog.Logger
}

// Server answers etcd's API. Its methods may be called from many goroutines.
type Server struct {
	config   Config
	cluster  Cluster
	draining context.Context
	drain    context.CancelFunc
	leaders  *leaders
	looking  sync.WaitGroup
	native   *grpc.Server
	gateway  gateway
	open     inProgress
}

// New makes a server. Close must be called in the end.
func New(config Config) (*Server, error) {
	if config.Namespace == "" {
		config.Namespace = DefaultNamespace
	}
	if config.ProgressEvery <= 0 {
		config.ProgressEvery = 10 * time.Minute
	}
	s := &Server{config: config, cluster: config.Cluster, open: newInProgress(config.Limits)}
	s.draining, s.drain = context.WithCancel(context.Background())
	s.leaders = newLeaders(s.cluster.Standing)
	s.looking.Go(func() { s.leaders.run(s.draining) })
	s.native = s.newNative()
	var err error
	if s.gateway, err = newGateway(s.native); err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

// Drain ends all streams and waits, those that begin later too.
func (s *Server) Drain() { s.drain() }

// Shutdown lets short calls finish, after Drain, until ctx ends. Close is called
// after it, and after the cluster has ended, which ends every call.
func (s *Server) Shutdown(ctx context.Context) {
	s.drain()
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		s.native.GracefulStop()
	}()
	select {
	case <-stopped:
	case <-ctx.Done():
	}
}

// Close ends everything, and returns when it has ended.
func (s *Server) Close() {
	s.drain()
	s.native.Stop()
	s.gateway.close()
	s.looking.Wait()
}

// where finds the namespace that is shown.
func (s *Server) where(ctx context.Context) (cluster.Namespace, error) {
	return s.cluster.Namespace(ctx, s.config.Namespace)
}

// untilDrained is a context that ends when the server drains, too. The caller
// must call done.
func (s *Server) untilDrained(ctx context.Context) (_ context.Context, done func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	stop := context.AfterFunc(s.draining, func() { cancel(errDraining) })
	return ctx, func() {
		stop()
		cancel(nil)
	}
}
