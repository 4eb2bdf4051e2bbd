package cluster

import (
	"context"

	"connectrpc.com/connect"

	peerv1 "github.com/conclavehq/conclave/proto/gen/conclave/peer/v1"
	"github.com/conclavehq/conclave/proto/gen/conclave/peer/v1/peerv1connect"
)

// peerServer answers other nodes on the peer port. Who asks was checked before.
type peerServer struct {
	cluster *Cluster
}

var _ peerv1connect.PeerServiceHandler = (*peerServer)(nil)

// Identify implements PeerService. To a node of another cluster it only says
// so.
func (p *peerServer) Identify(_ context.Context, req *peerv1.IdentifyRequest) (*peerv1.IdentifyResponse, error) {
	c := p.cluster
	answer := &peerv1.IdentifyResponse{ClusterId: c.id.ClusterID, Name: c.id.Name}
	node := c.directory.node(req.GetName())
	if req.GetClusterId() != c.id.ClusterID || node == nil {
		return answer, nil
	}
	answer.Known = true
	answer.Incarnation = node.GetIncarnation()
	answer.Generation = node.GetGeneration()
	answer.ReplicaId = node.GetReplicaId()
	answer.MustJoin = node.GetIncarnation() == 0
	answer.DataShards = c.id.DataShards
	for _, node := range c.directory.records() {
		answer.Nodes = append(answer.Nodes, &peerv1.IdentifiedNode{
			Name: node.GetName(), Generation: node.GetGeneration(), Incarnation: node.GetIncarnation(), PeerUrl: node.GetPeerUrl(),
		})
	}
	return answer, nil
}

// Hash implements PeerService.
func (p *peerServer) Hash(ctx context.Context, req *peerv1.HashRequest) (*peerv1.HashResponse, error) {
	s := p.cluster.shards[req.GetShardId()]
	if s == nil {
		return nil, connect.NewError(connect.CodeNotFound, ErrNoShard)
	}
	hash, err := s.hash(ctx, req.GetIndex())
	if err != nil {
		return nil, connect.NewError(connect.CodeUnavailable, err)
	}
	return &peerv1.HashResponse{Ready: true, Hash: hash}, nil
}

// Status implements PeerService.
func (p *peerServer) Status(context.Context, *peerv1.StatusRequest) (*peerv1.StatusResponse, error) {
	c := p.cluster
	own := c.DiskRoom()
	answer := &peerv1.StatusResponse{Name: c.id.Name, Version: c.cfg.Version, NoSpace: own.Short}
	if spare, watched := own.spare(); watched {
		answer.SpareBytes = &spare
	}
	for _, id := range c.id.shards() {
		s := c.shards[id]
		info, _ := s.leader()
		answer.Shards = append(answer.Shards, &peerv1.ShardStatus{
			ShardId: id, AppliedIndex: s.machine.Applied(), Term: info.Term,
			LeaderReplicaId: info.LeaderID, IsLeader: info.LeaderID == s.replica,
		})
	}
	return answer, nil
}

// TransferLeader implements PeerService.
func (p *peerServer) TransferLeader(ctx context.Context, req *peerv1.TransferLeaderRequest) (*peerv1.TransferLeaderResponse, error) {
	c := p.cluster
	s := c.shards[req.GetShardId()]
	to := c.directory.node(c.directory.nameOf(req.GetToReplicaId()))
	if s == nil || to == nil || !s.leads() {
		return nil, connect.NewError(connect.CodeFailedPrecondition, errNotApplied)
	}
	if err := c.yield(ctx, s, to); err != nil {
		return nil, connect.NewError(connect.CodeUnavailable, err)
	}
	return &peerv1.TransferLeaderResponse{}, nil
}
