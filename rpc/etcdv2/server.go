package etcdv2

import (
	"context"
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/rs/zerolog"
)

// requestTimeout bounds what does not wait for changes. It is etcd's.
const requestTimeout = 7 * time.Second

// Config says what a Server serves.
type Config struct {
	// Cluster is what the calls are carried out with. Required.
	Cluster Cluster
	// Namespace is the one whose keys are shown; empty is "default".
	Namespace string
	// Log receives failures of the server itself. The zero value drops them.
	Log zerolog.Logger
}

// Server answers etcd's v2 API. Its methods may be called from many goroutines.
type Server struct {
	config   Config
	started  time.Time
	draining context.Context
	drain    context.CancelFunc
	lines    lines
	handler  http.Handler
}

// New makes a server. Drain must be called in the end.
func New(config Config) *Server {
	s := &Server{config: config, started: time.Now(), lines: newLines()}
	s.draining, s.drain = context.WithCancel(context.Background())
	mux := http.NewServeMux()
	mux.HandleFunc(keysPrefix, s.serveKeys)
	mux.HandleFunc(keysPrefix+"/", s.serveKeys)
	mux.HandleFunc(membersPrefix, s.serveMembers)
	mux.HandleFunc(membersPrefix+"/", s.serveMembers)
	mux.HandleFunc("/v2/machines", s.serveMachines)
	mux.HandleFunc("/v2/stats/self", s.serveSelf)
	mux.HandleFunc("/v2/auth/", s.serveAuth)
	// A page of another site, in the browser of who may reach this port, cannot
	// change anything: etcd lets any.
	s.handler = http.NewCrossOriginProtection().Handler(mux)
	return s
}

// Mount serves the API on a mux, under /v2/.
func (s *Server) Mount(mux *http.ServeMux) { mux.Handle("/v2/", s) }

// ServeHTTP answers a request for a path under /v2/.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.handler.ServeHTTP(w, r) }

// Drain ends all waits, those that begin later too. Call it before the HTTP
// server's Shutdown, which would wait for them.
func (s *Server) Drain() { s.drain() }

// serveKeys answers /v2/keys.
func (s *Server) serveKeys(w http.ResponseWriter, r *http.Request) {
	if !allowed(w, r, "HEAD", "GET", "PUT", "POST", "DELETE") {
		return
	}
	s.nameCluster(w)
	req, wrong := parse(r)
	if wrong != nil {
		wrong.write(w)
		return
	}
	if req.wait {
		s.wait(w, r, req)
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), requestTimeout)
	defer cancel()
	in, err := s.space(ctx)
	if err != nil {
		s.explain(ctx, err).write(w)
		return
	}
	answer, index, err := s.do(ctx, in, req)
	if err != nil {
		s.explain(ctx, err).write(w)
		return
	}
	s.head(w, in, index)
	if answer.created() {
		w.WriteHeader(http.StatusCreated)
	}
	if req.noValue && answer.puts() {
		answer.Node, answer.PrevNode = nil, nil
	}
	_ = json.NewEncoder(w).Encode(answer)
}

// do carries a request out and returns the answer and the index that it shows.
func (s *Server) do(ctx context.Context, in *space, req *request) (*event, int64, error) {
	switch req.method {
	case http.MethodPut:
		return in.put(req).run(ctx)
	case http.MethodPost:
		leave, err := s.lines.enter(ctx, req.path)
		if err != nil {
			return nil, 0, err
		}
		defer leave()
		return in.post(req).run(ctx)
	case http.MethodDelete:
		return in.remove(req).run(ctx)
	default:
		return in.get(ctx, req)
	}
}

// nameCluster says in the header which cluster answers.
func (s *Server) nameCluster(w http.ResponseWriter) {
	w.Header().Set("X-Etcd-Cluster-Id", hexID(s.config.Cluster.Standing(0).ClusterID))
}

// head says in the header what the answer shows.
func (s *Server) head(w http.ResponseWriter, in *space, index int64) {
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("X-Etcd-Index", strconv.FormatInt(index, 10))
	for _, shard := range s.config.Cluster.Status().Shards {
		if shard.Shard == in.where.Shard {
			h.Set("X-Raft-Index", strconv.FormatUint(shard.Applied, 10))
			h.Set("X-Raft-Term", strconv.FormatUint(shard.Term, 10))
		}
	}
}

// hexID is an id as etcd writes it.
func hexID(id uint64) string { return strconv.FormatUint(id, 16) }

// allowed answers a request with another method than these.
func allowed(w http.ResponseWriter, r *http.Request, methods ...string) bool {
	for _, method := range methods {
		if r.Method == method {
			return true
		}
	}
	w.Header().Set("Allow", strings.Join(methods, ","))
	http.Error(w, "Method Not Allowed", http.StatusMethodNotAllowed)
	return false
}
