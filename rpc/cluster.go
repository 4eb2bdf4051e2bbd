package rpc

import (
	"context"
	"errors"
	"slices"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/conclavehq/conclave/cluster"
	logv1 "github.com/conclavehq/conclave/proto/gen/conclave/log/v1"
	conclavev1 "github.com/conclavehq/conclave/proto/gen/conclave/v1"
)

// systemShard has the nodes and namespaces on record.
const systemShard = 1

type clusterHandler struct {
	*core
	version string
	started time.Time
	// problems are what other parts of the server have to say.
	problems func() []string
}

func (h clusterHandler) GetStatus(ctx context.Context, _ *conclavev1.GetStatusRequest) (*conclavev1.GetStatusResponse, error) {
	status := h.cluster.Status()
	out := &conclavev1.GetStatusResponse{
		Name:      status.Name,
		ClusterId: status.ClusterID,
		Version:   h.version,
		Uptime:    durationpb.New(time.Since(h.started).Truncate(time.Millisecond)),
		Problems:  append(h.health(status), noSpace(status)...),
	}
	for _, shard := range status.Shards {
		out.Shards = append(out.Shards, shardStatus(shard))
		if shard.Shard == systemShard {
			out.IsLeader, out.Leader = shard.IsLeader, shard.Leader
			out.Term, out.AppliedIndex = shard.Term, shard.Applied
		}
		// What this node's own state tells is left out when it cannot be read;
		// the rest of the status says why.
		if state, err := h.state(ctx, cluster.Namespace{Shard: shard.Shard}); err == nil {
			out.DbSizeBytes += state.GetDiskBytes()
		}
	}
	if where, err := h.cluster.Namespace(ctx, defaultSpace); err == nil {
		if revision, err := h.currentRevision(ctx, where, local); err == nil {
			out.Revision = revision
		}
	}
	return out, nil
}

// state asks this node's replica of a shard how it stands.
func (s *core) state(ctx context.Context, where cluster.Namespace) (*logv1.GetStatusResult, error) {
	answer, err := s.ask(ctx, where, local, &logv1.Query{Body: &logv1.Query_GetStatus{GetStatus: &logv1.GetStatus{}}})
	return answer.GetGetStatus(), err
}

// health says what is wrong, in sentences; none when all is well.
func (h clusterHandler) health(status cluster.Status) []string {
	var problems []string
	if h.draining.Err() != nil {
		problems = append(problems, "this node is stopping")
	}
	problems = append(problems, leaderless(status)...)
	if h.problems != nil {
		problems = append(problems, h.problems()...)
	}
	return problems
}

// noSpace says which disks are nearly full. The node serves all the same, so it is
// ready.
func noSpace(status cluster.Status) []string {
	var problems []string
	for _, node := range status.NoSpace {
		problems = append(problems, "the disk of "+node+" is nearly full, so what makes the state larger is refused")
	}
	return problems
}

func shardStatus(s cluster.ShardStatus) *conclavev1.ShardStatus {
	kind := "data"
	if s.Shard == systemShard {
		kind = "system"
	}
	return &conclavev1.ShardStatus{
		ShardId:      s.Shard,
		Kind:         kind,
		Leader:       s.Leader,
		IsLeader:     s.IsLeader,
		Term:         s.Term,
		AppliedIndex: s.Applied,
	}
}

func (h clusterHandler) ListMembers(ctx context.Context, _ *conclavev1.ListMembersRequest) (*conclavev1.ListMembersResponse, error) {
	members, err := h.cluster.Members(ctx)
	if err != nil {
		return nil, unanswered(ctx, err)
	}
	status := h.cluster.Status()
	out := &conclavev1.ListMembersResponse{ClusterId: status.ClusterID}
	leader := systemLeader(status)
	for _, m := range members {
		out.Members = append(out.Members, member(m, leader))
	}
	return out, nil
}

func systemLeader(status cluster.Status) string {
	for _, shard := range status.Shards {
		if shard.Shard == systemShard {
			return shard.Leader
		}
	}
	return ""
}

func member(m cluster.Member, leader string) *conclavev1.Member {
	out := &conclavev1.Member{
		Name:       m.Node.GetName(),
		PeerUrl:    m.Node.GetPeerUrl(),
		ClientUrls: m.Node.GetClientUrls(),
		Version:    m.Node.GetVersion(),
		ReplicaId:  m.Node.GetReplicaId(),
		Generation: m.Node.GetGeneration(),
		IsLeader:   m.Node.GetName() == leader,
		Status:     "started",
	}
	if m.Node.GetIncarnation() == 0 {
		out.Status = "unstarted"
	}
	return out
}

func (h clusterHandler) MoveLeader(ctx context.Context, req *conclavev1.MoveLeaderRequest) (*conclavev1.MoveLeaderResponse, error) {
	var c check
	c.name("to", req.GetTo())
	if err := c.done(); err != nil {
		return nil, err
	}
	if err := h.knownShard(req.GetShardId()); err != nil {
		return nil, err
	}
	err := h.cluster.TransferLeader(ctx, req.GetShardId(), req.GetTo())
	if errors.Is(err, cluster.ErrUnavailable) {
		f := fail(conclavev1.ErrorReason_ERROR_REASON_NO_QUORUM,
			"%s did not take the leadership in time; see whether it runs and has caught up", req.GetTo())
		f.cause = err
		return nil, f
	}
	if err != nil {
		return nil, undecided(ctx, err)
	}
	return &conclavev1.MoveLeaderResponse{}, nil
}

// knownShard refuses a shard that is not there; 0 stands for all.
func (h clusterHandler) knownShard(id uint64) error {
	there := slices.ContainsFunc(h.cluster.Status().Shards, func(s cluster.ShardStatus) bool { return s.Shard == id })
	if id == 0 || there {
		return nil
	}
	return fail(conclavev1.ErrorReason_ERROR_REASON_INVALID_ARGUMENT,
		"shard_id %d is not that of a shard; the status lists them, and 0 stands for all", id)
}

func (h clusterHandler) ReplaceMember(ctx context.Context, req *conclavev1.ReplaceMemberRequest) (*conclavev1.ReplaceMemberResponse, error) {
	var c check
	c.name("name", req.GetName())
	if err := c.done(); err != nil {
		return nil, err
	}
	_, err := h.cluster.ReplaceMember(ctx, req.GetName())
	if errors.Is(err, cluster.ErrUnavailable) || errors.Is(err, cluster.ErrOutcomeUnknown) {
		f := fail(conclavev1.ErrorReason_ERROR_REASON_OUTCOME_UNKNOWN,
			"the replacement of %s is not finished; run it again when a majority of the other nodes runs", req.GetName())
		f.cause = err
		return nil, f
	}
	if err != nil {
		return nil, undecided(ctx, err)
	}
	return &conclavev1.ReplaceMemberResponse{
		Next: "start " + req.GetName() + " with an empty data directory and --initial-cluster-state=existing; it copies the data from the others",
	}, nil
}

func (h clusterHandler) CompareHashes(ctx context.Context, _ *conclavev1.CompareHashesRequest) (*conclavev1.CompareHashesResponse, error) {
	out := &conclavev1.CompareHashesResponse{}
	for _, shard := range h.cluster.Status().Shards {
		index, hashes, err := h.cluster.Hash(ctx, shard.Shard)
		if err != nil {
			return nil, unanswered(ctx, err)
		}
		out.Shards = append(out.Shards, shardHashes(shard.Shard, index, hashes))
	}
	return out, nil
}

// shardHashes compares what the replicas gave. A replica without a hash proves
// nothing, so the shard is not called equal.
func shardHashes(shard, index uint64, hashes []cluster.NodeHash) *conclavev1.ShardHashes {
	out := &conclavev1.ShardHashes{ShardId: shard, Index: index, Equal: len(hashes) > 0}
	for _, h := range hashes {
		replica := &conclavev1.ReplicaHash{Member: h.Node, Hash: h.Hash}
		if h.Err != nil {
			replica.Problem = h.Err.Error()
		}
		if h.Err != nil || h.Hash != hashes[0].Hash {
			out.Equal = false
		}
		out.Replicas = append(out.Replicas, replica)
	}
	return out
}
