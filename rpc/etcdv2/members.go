package etcdv2

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"time"

	logv1 "github.com/conclavehq/conclave/proto/gen/conclave/log/v1"
)

const membersPrefix = "/v2/members"

// unchangeable is what those are told who want to change the members.
const unchangeable = "conclave: the members of a running cluster cannot be changed through etcd's API"

type member struct {
	ID         string   `json:"id"`
	Name       string   `json:"name"`
	PeerURLs   []string `json:"peerURLs"`
	ClientURLs []string `json:"clientURLs"`
}

// serveMembers lists the members, and tells which one leads.
func (s *Server) serveMembers(w http.ResponseWriter, r *http.Request) {
	if !allowed(w, r, "GET", "POST", "DELETE", "PUT") {
		return
	}
	s.nameCluster(w)
	if r.Method != http.MethodGet {
		// Of the statuses that etcd's clients know it is the one whose message
		// they show.
		say(w, http.StatusConflict, unchangeable)
		return
	}
	switch strings.TrimPrefix(strings.TrimPrefix(r.URL.Path, membersPrefix), "/") {
	case "":
		members := []member{}
		for _, n := range s.nodes() {
			members = append(members, s.member(n))
		}
		answer(w, map[string][]member{"members": members})
	case "leader":
		leader := s.leader(r)
		for _, n := range s.nodes() {
			if n.GetReplicaId() == leader {
				answer(w, s.member(n))
				return
			}
		}
		say(w, http.StatusServiceUnavailable, "During election")
	default:
		say(w, http.StatusNotFound, "Not found")
	}
}

// serveMachines lists where clients reach the members.
func (s *Server) serveMachines(w http.ResponseWriter, r *http.Request) {
	if !allowed(w, r, "GET", "HEAD") {
		return
	}
	var urls []string
	for _, n := range s.nodes() {
		urls = append(urls, n.GetClientUrls()...)
	}
	slices.Sort(urls)
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, _ = w.Write([]byte(strings.Join(urls, ", ")))
}

// self is how this node stands. What etcd counts beside is not counted here.
type self struct {
	Name       string    `json:"name"`
	ID         string    `json:"id"`
	State      string    `json:"state"`
	StartTime  time.Time `json:"startTime"`
	LeaderInfo struct {
		Leader string `json:"leader"`
	} `json:"leaderInfo"`
}

func (s *Server) serveSelf(w http.ResponseWriter, r *http.Request) {
	if !allowed(w, r, "GET") {
		return
	}
	standing := s.config.Cluster.Standing(s.shard(r))
	out := self{Name: s.config.Cluster.Status().Name, ID: hexID(standing.ReplicaID), State: "StateFollower", StartTime: s.started}
	if standing.LeaderID == standing.ReplicaID {
		out.State = "StateLeader"
	}
	if standing.LeaderID != 0 {
		out.LeaderInfo.Leader = hexID(standing.LeaderID)
	}
	answer(w, out)
}

// serveAuth says that there are no users yet.
func (s *Server) serveAuth(w http.ResponseWriter, r *http.Request) {
	if !allowed(w, r, "GET", "PUT", "DELETE") {
		return
	}
	s.nameCluster(w)
	switch {
	case r.Method != http.MethodGet:
		say(w, http.StatusConflict, "conclave: there is no authentication in etcd's v2 API")
	case r.URL.Path == "/v2/auth/enable":
		answer(w, map[string]bool{"enabled": false})
	case r.URL.Path == "/v2/auth/users":
		answer(w, map[string][]string{"users": nil})
	case r.URL.Path == "/v2/auth/roles":
		answer(w, map[string][]string{"roles": nil})
	default:
		say(w, http.StatusNotFound, "Not found")
	}
}

// nodes are the members on record, by name.
func (s *Server) nodes() []*logv1.Node {
	nodes := slices.Clone(s.config.Cluster.Status().Members)
	slices.SortFunc(nodes, func(a, b *logv1.Node) int { return strings.Compare(a.GetName(), b.GetName()) })
	return nodes
}

func (s *Server) member(n *logv1.Node) member {
	m := member{ID: hexID(n.GetReplicaId()), Name: n.GetName(), PeerURLs: []string{n.GetPeerUrl()}, ClientURLs: n.GetClientUrls()}
	if m.ClientURLs == nil {
		m.ClientURLs = []string{}
	}
	return m
}

// leader is the replica that leads the shown namespace; 0 if none is known.
func (s *Server) leader(r *http.Request) uint64 {
	return s.config.Cluster.Standing(s.shard(r)).LeaderID
}

// shard is that of the shown namespace; 0 if it is not known.
func (s *Server) shard(r *http.Request) uint64 {
	where, err := s.config.Cluster.Namespace(r.Context(), s.config.Namespace)
	if err != nil {
		return 0
	}
	return where.Shard
}

// answer answers with JSON.
func answer(w http.ResponseWriter, body any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(body)
}

// say answers with a message, for calls that are not about keys.
func say(w http.ResponseWriter, status int, message string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	body, err := json.Marshal(map[string]string{"message": message})
	if err != nil {
		panic("etcdv2: a message cannot be encoded: " + err.Error())
	}
	_, _ = w.Write(body)
}
