package etcd

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"time"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	"google.golang.org/grpc/status"
)

// healthTimeout is how long the read behind /health may take: etcd's limit of any
// request.
const healthTimeout = 7 * time.Second

// healthAnswer is what /health answers.
type healthAnswer struct {
	Health string `json:"health"`
	Reason string `json:"reason"`
}

// healthPage answers whether reads of the namespace work: of all nodes, or with
// ?serializable=true of this one alone. A disk that is nearly
// full counts, too, as in etcd, unless ?exclude=NOSPACE says otherwise.
func (s *Server) healthPage(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet {
		w.Header().Set("Allow", http.MethodGet)
		http.Error(w, "Method Not Allowed", http.StatusMethodNotAllowed)
		return
	}
	answer, code := healthAnswer{Health: "true"}, http.StatusOK
	full := len(s.alarms()) > 0 && !slices.Contains(r.URL.Query()["exclude"], "NOSPACE")
	if full {
		answer, code = healthAnswer{Health: "false", Reason: "ALARM NOSPACE"}, http.StatusServiceUnavailable
	} else if reason := s.unhealthy(r.Context(), r.URL.Query().Get("serializable") == "true"); reason != "" {
		answer, code = healthAnswer{Health: "false", Reason: reason}, http.StatusServiceUnavailable
	}
	body, err := json.Marshal(answer)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	_, _ = w.Write(body)
}

// unhealthy says why reads do not work, in etcd's words; empty if they do.
func (s *Server) unhealthy(ctx context.Context, serializable bool) string {
	ctx, cancel := context.WithTimeout(ctx, healthTimeout)
	defer cancel()
	where, err := s.where(ctx)
	if err == nil && !serializable && s.cluster.Standing(where.Shard).LeaderID == 0 {
		return "RAFT NO LEADER"
	}
	if err == nil {
		_, err = s.presentHeader(ctx, serializable)
	}
	if s.draining.Err() != nil {
		err = rpctypes.ErrGRPCStopped
	}
	if err != nil {
		return "RANGE ERROR:" + status.Convert(s.explain(ctx, err)).Message()
	}
	return ""
}
