package etcd

import (
	"context"
	"net"
	"net/url"
	"slices"
	"strings"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/conclavehq/conclave/cluster"
	logv1 "github.com/conclavehq/conclave/proto/gen/conclave/log/v1"
)

// systemShard has the members on record.
const systemShard = 1

var errMembersFixed = status.Error(codes.Unimplemented,
	"conclave: the members of this cluster are fixed; a node that lost its data is replaced with `conclave member replace NAME`")

// clusterServer is etcd's Cluster service. A member's id is that of its replicas.
type clusterServer struct {
	*Server
	pb.UnsafeClusterServer
}

var _ pb.ClusterServer = clusterServer{}

// MemberList lists the members, in the order of their ids.
func (c clusterServer) MemberList(ctx context.Context, req *pb.MemberListRequest) (*pb.MemberListResponse, error) {
	members, err := c.members(ctx, req.GetLinearizable())
	if err != nil {
		return nil, err
	}
	return &pb.MemberListResponse{Header: c.header(systemShard, 0), Members: members}, nil
}

// MemberAdd refuses.
func (c clusterServer) MemberAdd(ctx context.Context, req *pb.MemberAddRequest) (*pb.MemberAddResponse, error) {
	if !peerURLs(req.GetPeerURLs()) {
		return nil, rpctypes.ErrGRPCMemberBadURLs
	}
	members, err := c.members(ctx, true)
	if err != nil {
		return nil, err
	}
	if taken(members, 0, req.GetPeerURLs()) {
		return nil, rpctypes.ErrGRPCPeerURLExist
	}
	return nil, errMembersFixed
}

// MemberRemove refuses.
func (c clusterServer) MemberRemove(ctx context.Context, req *pb.MemberRemoveRequest) (*pb.MemberRemoveResponse, error) {
	if _, err := c.known(ctx, req.GetID()); err != nil {
		return nil, err
	}
	return nil, errMembersFixed
}

// MemberUpdate refuses: nodes tell their own addresses.
func (c clusterServer) MemberUpdate(ctx context.Context, req *pb.MemberUpdateRequest) (*pb.MemberUpdateResponse, error) {
	members, err := c.known(ctx, req.GetID())
	switch {
	case err != nil:
		return nil, err
	case !peerURLs(req.GetPeerURLs()):
		return nil, rpctypes.ErrGRPCMemberBadURLs
	case taken(members, req.GetID(), req.GetPeerURLs()):
		return nil, rpctypes.ErrGRPCPeerURLExist
	}
	return nil, status.Error(codes.Unimplemented,
		"conclave: a node tells its peer URL itself; start it again with another --initial-advertise-peer-urls")
}

// MemberPromote refuses: all members vote.
func (c clusterServer) MemberPromote(ctx context.Context, req *pb.MemberPromoteRequest) (*pb.MemberPromoteResponse, error) {
	if _, err := c.known(ctx, req.GetID()); err != nil {
		return nil, err
	}
	return nil, rpctypes.ErrGRPCMemberNotLearner
}

// known returns all members if the one with an id is among them.
func (c clusterServer) known(ctx context.Context, id uint64) ([]*pb.Member, error) {
	members, err := c.members(ctx, true)
	if err != nil {
		return nil, err
	}
	if !slices.ContainsFunc(members, func(m *pb.Member) bool { return m.GetID() == id }) {
		return nil, rpctypes.ErrGRPCMemberNotFound
	}
	return members, nil
}

// members reads who is on record, from this node's replica.
func (s *Server) members(ctx context.Context, linearizable bool) ([]*pb.Member, error) {
	answer, err := s.cluster.Query(ctx, systemShard, cluster.ReadOptions{Serializable: !linearizable},
		&logv1.Query{Body: &logv1.Query_ListNodes{ListNodes: &logv1.ListNodes{}}})
	if err := s.answered(ctx, answer, err); err != nil {
		return nil, err
	}
	nodes := answer.GetListNodes().GetNodes()
	members := make([]*pb.Member, 0, len(nodes))
	for _, node := range nodes {
		members = append(members, &pb.Member{
			ID:         node.GetReplicaId(),
			Name:       node.GetName(),
			PeerURLs:   []string{node.GetPeerUrl()},
			ClientURLs: node.GetClientUrls(),
		})
	}
	slices.SortFunc(members, func(a, b *pb.Member) int { return int(int64(a.GetID() - b.GetID())) })
	return members, nil
}

// taken says whether a member other than one has any of the URLs.
func taken(members []*pb.Member, but uint64, urls []string) bool {
	return slices.ContainsFunc(members, func(m *pb.Member) bool {
		return m.GetID() != but && slices.ContainsFunc(m.GetPeerURLs(), func(u string) bool { return slices.Contains(urls, u) })
	})
}

// peerURLs says whether URLs are such that a member could have them.
func peerURLs(urls []string) bool {
	for _, text := range urls {
		u, err := url.Parse(strings.TrimSpace(text))
		if err != nil {
			return false
		}
		switch u.Scheme {
		case "http", "https":
			if _, _, err := net.SplitHostPort(u.Host); err != nil || u.Path != "" {
				return false
			}
		case "unix", "unixs":
		default:
			return false
		}
	}
	return len(urls) > 0
}
