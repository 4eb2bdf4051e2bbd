package etcd

import (
	"context"
	"errors"
	"regexp"
	"slices"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/conclavehq/conclave/cluster"
	logv1 "github.com/conclavehq/conclave/proto/gen/conclave/log/v1"
)

// maintenanceServer is etcd's Maintenance service. What it tells is of this node
// and of the shard that has the namespace.
type maintenanceServer struct {
	*Server
	pb.UnsafeMaintenanceServer
}

var _ pb.MaintenanceServer = maintenanceServer{}

// Status tells how this node stands. It is answered without a leader, too.
func (m maintenanceServer) Status(ctx context.Context, _ *pb.StatusRequest) (*pb.StatusResponse, error) {
	where, answer, err := m.ask(ctx, true, &logv1.Query{Body: &logv1.Query_GetStatus{GetStatus: &logv1.GetStatus{}}})
	if err != nil {
		return nil, err
	}
	state := answer.GetGetStatus()
	header := m.header(where.Shard, answer.GetRevision())
	// A size of nothing is one that etcdctl would divide by.
	size := max(1, state.GetDiskBytes())
	res := &pb.StatusResponse{
		Header:  header,
		Version: Version,
		Leader:  m.cluster.Standing(where.Shard).LeaderID,
		// What this node knows to be committed is what it has applied.
		RaftIndex:        state.GetAppliedIndex(),
		RaftAppliedIndex: state.GetAppliedIndex(),
		RaftTerm:         header.GetRaftTerm(),
		DbSize:           size,
		DbSizeInUse:      size,
		StorageVersion:   clusterVersion,
		DowngradeInfo:    &pb.DowngradeInfo{},
	}
	if res.GetLeader() == 0 {
		res.Errors = append(res.Errors, status.Convert(rpctypes.ErrGRPCNoLeader).Message())
	}
	for _, alarm := range m.alarms() {
		res.Errors = append(res.Errors, alarm.String())
	}
	return res, nil
}

// Alarm lists the nodes whose disks are nearly full. Such an alarm ends by itself,
// when there is room again, so that to disarm it does nothing; it cannot be raised.
// A damaged store stops its node and has no alarm.
func (m maintenanceServer) Alarm(ctx context.Context, req *pb.AlarmRequest) (*pb.AlarmResponse, error) {
	if req.GetAction() == pb.AlarmRequest_ACTIVATE && req.GetAlarm() != pb.AlarmType_NONE {
		return nil, status.Error(codes.Unimplemented, "conclave: alarms come and go by themselves; /readyz and the metrics tell what is wrong")
	}
	header, err := m.presentHeader(ctx, false)
	if err != nil {
		return nil, err
	}
	res := &pb.AlarmResponse{Header: header}
	if req.GetAction() == pb.AlarmRequest_GET {
		for _, alarm := range m.alarms() {
			ofKind := req.GetAlarm() == pb.AlarmType_NONE || req.GetAlarm() == alarm.GetAlarm()
			if ofKind && (req.GetMemberID() == 0 || req.GetMemberID() == alarm.GetMemberID()) {
				res.Alarms = append(res.Alarms, alarm)
			}
		}
	}
	return res, nil
}

// alarms are those that this node knows of.
func (s *Server) alarms() []*pb.AlarmMember {
	now := s.cluster.Status()
	var alarms []*pb.AlarmMember
	for _, node := range now.Members {
		if slices.Contains(now.NoSpace, node.GetName()) {
			alarms = append(alarms, &pb.AlarmMember{MemberID: node.GetReplicaId(), Alarm: pb.AlarmType_NOSPACE})
		}
	}
	return alarms
}

// Defragment has nothing to do: the store gives room back by itself.
func (m maintenanceServer) Defragment(context.Context, *pb.DefragmentRequest) (*pb.DefragmentResponse, error) {
	m.config.Log.Info().Msg("asked to defragment: there is nothing to do, the store gives unused room back by itself")
	return &pb.DefragmentResponse{}, nil
}

// Hash tells the hash of the keys at the current revision of this node.
func (m maintenanceServer) Hash(ctx context.Context, _ *pb.HashRequest) (*pb.HashResponse, error) {
	hash, header, err := m.hash(ctx, 0)
	if err != nil {
		return nil, err
	}
	return &pb.HashResponse{Header: header, Hash: hash.GetHash()}, nil
}

// HashKV tells the hash of the keys at a revision. It is the same on all members
// that have compacted to the same revision.
func (m maintenanceServer) HashKV(ctx context.Context, req *pb.HashKVRequest) (*pb.HashKVResponse, error) {
	hash, header, err := m.hash(ctx, req.GetRevision())
	if err != nil {
		return nil, err
	}
	return &pb.HashKVResponse{
		Header:          header,
		Hash:            hash.GetHash(),
		CompactRevision: hash.GetCompactedRevision(),
		HashRevision:    hash.GetRevision(),
	}, nil
}

// hash asks this node's replica, as it is.
func (m maintenanceServer) hash(ctx context.Context, revision int64) (*logv1.HashKeysResult, *pb.ResponseHeader, error) {
	where, answer, err := m.ask(ctx, true, &logv1.Query{Body: &logv1.Query_HashKeys{
		HashKeys: &logv1.HashKeys{Revision: revision},
	}})
	if err != nil {
		return nil, nil, err
	}
	return answer.GetHashKeys(), m.header(where.Shard, answer.GetRevision()), nil
}

// errTransferSlow is what etcd says when the other node does not begin to lead.
var errTransferSlow = status.Error(codes.Unknown, "etcdserver: request timed out, leader transfer took too long")

// MoveLeader hands the shard of the namespace, which this node leads, to another.
func (m maintenanceServer) MoveLeader(ctx context.Context, req *pb.MoveLeaderRequest) (*pb.MoveLeaderResponse, error) {
	where, err := m.where(ctx)
	if err != nil {
		return nil, m.explain(ctx, err)
	}
	if standing := m.cluster.Standing(where.Shard); standing.LeaderID != standing.ReplicaID {
		return nil, rpctypes.ErrGRPCNotLeader
	}
	for _, node := range m.cluster.Status().Members {
		if node.GetReplicaId() != req.GetTargetID() {
			continue
		}
		err := m.cluster.TransferLeader(ctx, where.Shard, node.GetName())
		switch {
		case err == nil:
			return &pb.MoveLeaderResponse{}, nil
		case errors.Is(err, cluster.ErrUnavailable) && !errors.Is(err, cluster.ErrStopped):
			return nil, errTransferSlow
		}
		return nil, m.explain(ctx, err)
	}
	return nil, rpctypes.ErrGRPCBadLeaderTransferee
}

// semver is what etcd takes for a version to downgrade to.
var semver = regexp.MustCompile(`^\d+\.\d+(\.\d+(-[^+]*)?(\+.*)?)?$`)

// Downgrade refuses: no other version of etcd can read what is stored here.
func (m maintenanceServer) Downgrade(ctx context.Context, req *pb.DowngradeRequest) (*pb.DowngradeResponse, error) {
	switch req.GetAction() {
	case pb.DowngradeRequest_VALIDATE, pb.DowngradeRequest_ENABLE:
		if !semver.MatchString(req.GetVersion()) {
			return nil, rpctypes.ErrGRPCWrongDowngradeVersionFormat
		}
		return nil, rpctypes.ErrGRPCInvalidDowngradeTargetVersion
	case pb.DowngradeRequest_CANCEL: // of nothing, which etcd does not call an error
		header, err := m.presentHeader(ctx, false)
		if err != nil {
			return nil, err
		}
		return &pb.DowngradeResponse{Header: header, Version: minorVersion}, nil
	}
	return nil, status.Error(codes.Unknown, "etcdserver: unknown method")
}
