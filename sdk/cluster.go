package conclave

import (
	"context"
	"io"
	"net/http"
	"strings"
	"time"

	conclavev1 "github.com/conclavehq/conclave/proto/gen/conclave/v1"
)

// Member is a node of the cluster.
type Member struct {
	Name, PeerURL string
	ClientURLs    []string
	Version       string
	ReplicaID     uint64
	Generation    uint64
	// IsLeader says that it leads the system shard.
	IsLeader bool
	// Status is "started", or "unstarted" when it has not registered yet.
	Status string
}

// Members lists the nodes of the cluster.
func (c *Client) Members(ctx context.Context) (clusterID uint64, members []Member, err error) {
	res, err := read(ctx, c, (*services).ListMembers, &conclavev1.ListMembersRequest{})
	if err != nil {
		return 0, nil, during(err, "list members")
	}
	return res.GetClusterId(), each(res.GetMembers(), memberFrom), nil
}

// MoveLeader hands the leadership of a shard, or of all if it is 0, to a member.
func (c *Client) MoveLeader(ctx context.Context, to string, shard uint64) error {
	_, err := call(ctx, c, repeats, (*services).MoveLeader, &conclavev1.MoveLeaderRequest{To: to, ShardId: shard})
	return during(err, "move leadership to %q", to)
}

// ReplaceMember lets a node that lost its disk come back with an empty one. It
// returns what to do next, in one sentence.
func (c *Client) ReplaceMember(ctx context.Context, name string) (next string, err error) {
	res, err := call(ctx, c, repeats, (*services).ReplaceMember, &conclavev1.ReplaceMemberRequest{Name: name})
	return res.GetNext(), during(err, "replace member %q", name)
}

// ShardHashes are the hashes of a shard's replicas at one index.
type ShardHashes struct {
	Shard, Index uint64
	// Equal says that all replicas have the same state.
	Equal    bool
	Replicas []ReplicaHash
}

// ReplicaHash is the hash of one replica; Problem says why there is none.
type ReplicaHash struct {
	Member, Hash, Problem string
}

// CompareHashes makes all replicas hash their state at one index.
func (c *Client) CompareHashes(ctx context.Context) ([]ShardHashes, error) {
	// To hash twice changes nothing.
	res, err := read(ctx, c, (*services).CompareHashes, &conclavev1.CompareHashesRequest{})
	if err != nil {
		return nil, during(err, "compare hashes")
	}
	return each(res.GetShards(), func(s *conclavev1.ShardHashes) ShardHashes {
		return ShardHashes{
			Shard: s.GetShardId(),
			Index: s.GetIndex(),
			Equal: s.GetEqual(),
			Replicas: each(s.GetReplicas(), func(r *conclavev1.ReplicaHash) ReplicaHash {
				return ReplicaHash{Member: r.GetMember(), Hash: r.GetHash(), Problem: r.GetProblem()}
			}),
		}
	}), nil
}

// EndpointStatus is how one node sees itself.
type EndpointStatus struct {
	Endpoint, Name, Version string
	ClusterID               uint64
	// Leader is the node that leads the system shard, empty if none is known.
	Leader       string
	IsLeader     bool
	Term         uint64
	AppliedIndex uint64
	DBSizeBytes  int64
	Uptime       time.Duration
	// Revision is the current one of the default namespace.
	Revision Revision
	Shards   []ShardStatus
	// Problems say what is wrong; empty: nothing.
	Problems []string
}

// ShardStatus is how one replica of a shard stands.
type ShardStatus struct {
	Shard uint64
	// Kind is "system" or "data".
	Kind, Leader       string
	IsLeader           bool
	Term, AppliedIndex uint64
}

// Status asks one endpoint, which need not be one of the client's, once.
func (c *Client) Status(ctx context.Context, endpoint string) (*EndpointStatus, error) {
	at, err := c.at(endpoint)
	if err != nil {
		return nil, err
	}
	res, err := attempt(ctx, c.requestTimeout, at.quick, (*services).GetStatus, &conclavev1.GetStatusRequest{})
	if err != nil {
		return nil, during(fromWire(err).from(at), "ask %s for its status", at.url)
	}
	return &EndpointStatus{
		Endpoint:     at.url,
		Name:         res.GetName(),
		Version:      res.GetVersion(),
		ClusterID:    res.GetClusterId(),
		Leader:       res.GetLeader(),
		IsLeader:     res.GetIsLeader(),
		Term:         res.GetTerm(),
		AppliedIndex: res.GetAppliedIndex(),
		DBSizeBytes:  res.GetDbSizeBytes(),
		Uptime:       res.GetUptime().AsDuration(),
		Revision:     Revision(res.GetRevision()),
		Shards:       each(res.GetShards(), shardFrom),
		Problems:     res.GetProblems(),
	}, nil
}

// Health asks one endpoint, which need not be one of the client's, once, whether
// it serves requests. nil means that it does.
func (c *Client) Health(ctx context.Context, endpoint string) error {
	at, err := c.at(endpoint)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, c.requestTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, at.url+"/readyz", nil)
	if err != nil {
		return invalid("endpoint %q: %v", endpoint, err)
	}
	res, err := at.http.Do(req)
	if err != nil {
		return &Error{Op: "ask " + at.url + " for its health", Reason: reasonUnavailable, Message: "no answer", cause: err}
	}
	defer res.Body.Close()
	if res.StatusCode == http.StatusOK {
		return nil
	}
	if e := turnedAway(res); e != nil {
		return during(e, "ask %s for its health", at.url)
	}
	words, err := io.ReadAll(io.LimitReader(res.Body, 4096))
	if err != nil || len(words) == 0 {
		words = []byte(res.Status)
	}
	if res.StatusCode != http.StatusServiceUnavailable {
		words = []byte("what answers at " + at.url + " is not a Conclave client port (" + res.Status + ")")
	}
	return &Error{
		Op:      "ask " + at.url + " for its health",
		Reason:  reasonUnavailable,
		Message: strings.TrimSpace(string(words)),
	}
}

// at finds a node by its URL.
func (c *Client) at(endpoint string) (*node, error) {
	url, err := parseEndpoint(endpoint)
	if err != nil {
		return nil, err
	}
	if known := c.endpoints.find(url); known != nil {
		return known, nil
	}
	return c.connections.dial(url), nil
}

func memberFrom(m *conclavev1.Member) Member {
	return Member{
		Name:       m.GetName(),
		PeerURL:    m.GetPeerUrl(),
		ClientURLs: m.GetClientUrls(),
		Version:    m.GetVersion(),
		ReplicaID:  m.GetReplicaId(),
		Generation: m.GetGeneration(),
		IsLeader:   m.GetIsLeader(),
		Status:     m.GetStatus(),
	}
}

func shardFrom(s *conclavev1.ShardStatus) ShardStatus {
	return ShardStatus{
		Shard:        s.GetShardId(),
		Kind:         s.GetKind(),
		Leader:       s.GetLeader(),
		IsLeader:     s.GetIsLeader(),
		Term:         s.GetTerm(),
		AppliedIndex: s.GetAppliedIndex(),
	}
}
