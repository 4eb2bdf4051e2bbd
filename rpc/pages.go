package rpc

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"strings"
	"time"

	"connectrpc.com/connect"
	"connectrpc.com/grpchealth"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	"github.com/conclavehq/conclave/cluster"
)

// mountPages mounts what is not an API call.
func (s *Server) mountPages() {
	s.mux.HandleFunc("GET /livez", func(w http.ResponseWriter, _ *http.Request) {
		plain(w, http.StatusOK, "ok\n")
	})
	s.mux.HandleFunc("GET /readyz", s.readyz)
	s.mux.HandleFunc("GET /version", func(w http.ResponseWriter, _ *http.Request) {
		versions := map[string]string{"version": s.config.Version, "api": "conclave.v1"}
		maps.Copy(versions, s.config.Versions)
		asJSON(w, http.StatusOK, versions)
	})
	if s.config.Metrics != nil {
		s.mux.Handle("GET /metrics", s.config.Metrics)
	}
	s.mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		asJSON(w, http.StatusNotFound, map[string]string{
			"code":    "not_found",
			"message": fmt.Sprintf("there is nothing at %q; API calls are POSTs to paths like /conclave.v1.KVService/Put", r.URL.Path),
		})
	})
}

// mount mounts a service. Calls that it does not have are answered as errors of
// the API, which callers can read; the generated handler has a text page.
func (s *Server) mount(path string, handler http.Handler) {
	name := protoreflect.FullName(strings.Trim(path, "/"))
	descriptor, err := protoregistry.GlobalFiles.FindDescriptorByName(name)
	service, ok := descriptor.(protoreflect.ServiceDescriptor)
	if err != nil || !ok {
		panic(fmt.Sprintf("rpc: there is no service %q: %v", name, err))
	}
	s.mux.HandleFunc(path, func(w http.ResponseWriter, r *http.Request) {
		method := strings.TrimPrefix(r.URL.Path, path)
		if service.Methods().ByName(protoreflect.Name(method)) != nil {
			handler.ServeHTTP(w, r)
			return
		}
		asJSON(w, http.StatusNotFound, map[string]string{
			"code":    "unimplemented",
			"message": fmt.Sprintf("%s has no call %q in this version; docs/api.md and reflection list them", service.Name(), method),
		})
	})
}

// readiness is what /readyz?verbose tells.
type readiness struct {
	Ready    bool         `json:"ready"`
	Problems []string     `json:"problems"`
	Shards   []shardState `json:"shards"`
}

type shardState struct {
	Shard    uint64 `json:"shard"`
	Leader   string `json:"leader"`
	IsLeader bool   `json:"isLeader"`
	Applied  uint64 `json:"appliedIndex"`
}

// readyz says whether to send requests here: 200 and "ok", or 503 and what is
// wrong. With ?verbose it says more, as JSON if that is accepted.
func (s *Server) readyz(w http.ResponseWriter, r *http.Request) {
	status := s.core.cluster.Status()
	state := readiness{Problems: s.nodes.health(status), Shards: []shardState{}}
	state.Ready = len(state.Problems) == 0
	for _, shard := range status.Shards {
		state.Shards = append(state.Shards, shardState{
			Shard: shard.Shard, Leader: shard.Leader, IsLeader: shard.IsLeader, Applied: shard.Applied,
		})
	}
	code := http.StatusOK
	if !state.Ready {
		code = http.StatusServiceUnavailable
	}
	if strings.Contains(r.Header.Get("Accept"), "application/json") {
		if state.Problems == nil {
			state.Problems = []string{}
		}
		asJSON(w, code, state)
		return
	}
	plain(w, code, state.text(r.URL.Query().Has("verbose")))
}

func (r readiness) text(verbose bool) string {
	var b strings.Builder
	if verbose {
		for _, shard := range r.Shards {
			leader := shard.Leader
			if leader == "" {
				leader = "nobody"
			}
			fmt.Fprintf(&b, "shard %d: led by %s, applied %d\n", shard.Shard, leader, shard.Applied)
		}
	}
	for _, problem := range r.Problems {
		fmt.Fprintln(&b, problem)
	}
	if r.Ready {
		b.WriteString("ok\n")
	}
	return b.String()
}

// leaderless names the shards that nobody leads, as far as this node knows.
func leaderless(status cluster.Status) []string {
	var problems []string
	for _, shard := range status.Shards {
		if shard.Leader == "" {
			problems = append(problems, fmt.Sprintf("shard %d has no leader that this node knows; a majority of the nodes is needed", shard.Shard))
		}
	}
	return problems
}

func plain(w http.ResponseWriter, code int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(code)
	_, _ = w.Write([]byte(text))
}

func asJSON(w http.ResponseWriter, code int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	_ = json.NewEncoder(w).Encode(body)
}

// health answers grpc.health.v1 with what /readyz says.
type health struct{ nodes clusterHandler }

var _ grpchealth.Watcher = health{}

// healthEvery is how often the state is looked at for health watchers.
const healthEvery = time.Second

// Check tells whether the node is ready. All services share one fate.
func (h health) Check(_ context.Context, req *grpchealth.CheckRequest) (*grpchealth.CheckResponse, error) {
	if !knownService(req.Service) {
		return nil, connect.NewError(connect.CodeNotFound, errors.New("there is no such service here; reflection lists them"))
	}
	if len(h.nodes.health(h.nodes.cluster.Status())) > 0 {
		return &grpchealth.CheckResponse{Status: grpchealth.StatusNotServing}, nil
	}
	return &grpchealth.CheckResponse{Status: grpchealth.StatusServing}, nil
}

// Watch has the state looked at now and then.
func (h health) Watch(_ context.Context, req *grpchealth.CheckRequest, onChange func()) (func(), error) {
	if !knownService(req.Service) {
		return nil, connect.NewError(connect.CodeNotFound, errors.New("there is no such service here; reflection lists them"))
	}
	ticker := time.NewTicker(healthEvery)
	ended, end := context.WithCancel(context.Background())
	go func() {
		for {
			select {
			case <-ticker.C:
				onChange()
			case <-ended.Done():
				return
			}
		}
	}()
	return func() { ticker.Stop(); end() }, nil
}

func knownService(name string) bool {
	if name == "" {
		return true
	}
	for _, service := range services {
		if service == name {
			return true
		}
	}
	return false
}
