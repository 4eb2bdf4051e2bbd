package rpc

import (
	"context"
	"net/http"
	"slices"
	"time"

	"connectrpc.com/connect"
	"connectrpc.com/grpchealth"
	"connectrpc.com/grpcreflect"

	"github.com/conclavehq/conclave/internal/wire"
	"github.com/conclavehq/conclave/proto/gen/conclave/v1/conclavev1connect"
)

// services are what grpc.health.v1 and reflection tell about.
var services = []string{
	conclavev1connect.KVServiceName,
	conclavev1connect.WatchServiceName,
	conclavev1connect.LeaseServiceName,
	conclavev1connect.MutexServiceName,
	conclavev1connect.ElectionServiceName,
	conclavev1connect.QueueServiceName,
	conclavev1connect.RegistryServiceName,
	conclavev1connect.NamespaceServiceName,
	conclavev1connect.TransferServiceName,
	conclavev1connect.ClusterServiceName,
	conclavev1connect.PipelineServiceName,
}

// Server answers the public API. All methods may be called from many goroutines,
// but Handle only before the first request.
type Server struct {
	config   Config
	core     *core
	nodes    clusterHandler
	mux      *http.ServeMux
	drain    context.CancelFunc
	upgrades upgrades
}

// New makes a server. It looks after the shards' leaders until Drain.
func New(config Config) *Server {
	draining, drain := context.WithCancel(context.Background())
	metrics := newMetrics(config.Registry)
	s := &Server{
		config: config,
		core: &core{
			cluster:  config.Cluster,
			draining: draining,
			leaders:  newLeaders(config.Cluster.Status),
			waits:    metrics.waits,
			budgets:  newBudgets(config.Limits),
		},
		mux:   http.NewServeMux(),
		drain: drain,
	}
	s.nodes = clusterHandler{
		core:     s.core,
		version:  config.Version,
		started:  time.Now(),
		problems: config.Problems,
	}
	s.mountServices(&edge{core: s.core, metrics: metrics, log: config.Log})
	s.mountPages()
	if config.Also != nil {
		config.Also(s.mux)
	}
	go s.core.leaders.run(draining)
	return s
}

func (s *Server) mountServices(around *edge) {
	options := []connect.HandlerOption{
		connect.WithInterceptors(around),
		connect.WithReadMaxBytes(maxReadBytes),
		connect.WithSendMaxBytes(maxSendBytes),
		connect.WithCompressMinBytes(compressFrom),
		connect.WithCodec(wire.Binary{}),
		connect.WithCodec(jsonCodec{name: "json"}),
		connect.WithCodec(jsonCodec{name: "json; charset=utf-8"}),
	}
	s.mount(conclavev1connect.NewKVServiceHandler(kvHandler{s.core}, options...))
	s.mount(conclavev1connect.NewWatchServiceHandler(watchHandler{s.core}, options...))
	s.mount(conclavev1connect.NewLeaseServiceHandler(leaseHandler{s.core}, options...))
	s.mount(conclavev1connect.NewMutexServiceHandler(mutexHandler{s.core}, options...))
	s.mount(conclavev1connect.NewElectionServiceHandler(electionHandler{s.core}, options...))
	s.mount(conclavev1connect.NewQueueServiceHandler(queueHandler{s.core}, options...))
	s.mount(conclavev1connect.NewRegistryServiceHandler(registryHandler{s.core}, options...))
	s.mount(conclavev1connect.NewNamespaceServiceHandler(namespaceHandler{s.core}, options...))
	s.mount(conclavev1connect.NewClusterServiceHandler(s.nodes, options...))
	s.mount(conclavev1connect.NewTransferServiceHandler(transferHandler{s.core}, append(slices.Clone(options), connect.WithReadMaxBytes(maxImportBytes))...))

	pipeline := pipelineHandler{core: s.core, edge: around, procedures: newProcedures(s.core, s.nodes), upgrades: &s.upgrades}
	path, streams := conclavev1connect.NewPipelineServiceHandler(pipeline, append(options, connect.WithCodec(wire.Codec{}))...)
	s.mux.Handle(path, pipeline.upgradable(streams))

	s.mux.Handle(grpchealth.NewHandler(health{s.nodes}, options...))
	reflector := grpcreflect.NewStaticReflector(slices.Concat(services, s.config.AlsoServices)...)
	s.mux.Handle(grpcreflect.NewHandlerV1(reflector, options...))
	s.mux.Handle(grpcreflect.NewHandlerV1Alpha(reflector, options...))
}

// Handler is everything that the server answers, for an http.Server with the
// settings of HTTPServer.
func (s *Server) Handler() http.Handler { return noStore(s.mux) }

// Drain ends all streams and waits with reason SHUTTING_DOWN, those that begin
// later too, and makes the node not ready. Call it before the HTTP server's
// Shutdown, which would wait for them. It ends the server's goroutine, too, so
// it has to be called in the end.
func (s *Server) Drain() { s.drain() }

// Shutdown waits for the connections that pipelines have taken over from the HTTP
// server, after Drain and the HTTP server's own Shutdown. When ctx ends before
// they do it closes them, and returns its error.
func (s *Server) Shutdown(ctx context.Context) error { return s.upgrades.shutdown(ctx) }

// noStore keeps caches away from answers to GET: the next one may differ.
func noStore(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet {
			w.Header().Set("Cache-Control", "no-store")
		}
		next.ServeHTTP(w, r)
	})
}
