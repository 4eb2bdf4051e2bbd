package etcd_test

import (
	"os"
	"strings"
	"testing"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/conclavehq/conclave/rpc/etcd"
)

// The status has all that `etcdctl endpoint status` prints.
func TestStatus(t *testing.T) {
	s := newSite(t)
	s.put("k", "v") // a shard that was never written to may have applied nothing
	for port, conn := range s.ports() {
		got, err := pb.NewMaintenanceClient(conn).Status(within(t), &pb.StatusRequest{})
		if err != nil {
			t.Fatal(err)
		}
		checkHeader(t, port, got.GetHeader())
		self := s.Status().ReplicaID
		if got.GetHeader().GetMemberId() != self || got.GetLeader() != self || len(got.GetErrors()) > 0 || got.GetIsLearner() ||
			got.GetRaftTerm() == 0 || got.GetRaftAppliedIndex() == 0 || got.GetRaftIndex() < got.GetRaftAppliedIndex() ||
			got.GetDbSize() <= 0 || got.GetDbSizeInUse() <= 0 || got.GetVersion() != etcd.Version ||
			got.GetStorageVersion() != "3.7.0" || got.GetDowngradeInfo().GetEnabled() {
			t.Errorf("%s: %v", port, got)
		}
	}
}

// The version is that of the messages that are spoken.
func TestVersion(t *testing.T) {
	requirements, err := os.ReadFile("../../go.mod")
	if err != nil {
		t.Fatal(err)
	}
	if want := "go.etcd.io/etcd/api/v3 v" + etcd.Version + "\n"; !strings.Contains(string(requirements), want) {
		t.Errorf("go.mod does not require %s", want)
	}
}

// A node that knows no leader says so in its status, which it still gives.
func TestStatusWithoutLeader(t *testing.T) {
	sites := newSites(t, 3)
	alone := sites[0]
	sites[1].stop()
	sites[2].stop()
	where, err := alone.Namespace(within(t), etcd.DefaultNamespace)
	if err != nil {
		t.Fatal(err)
	}
	upkeep := pb.NewMaintenanceClient(alone.native)
	eventually(t, func() error {
		got, err := upkeep.Status(within(t), &pb.StatusRequest{})
		if err != nil {
			t.Fatal(err)
		}
		if alone.Standing(where.Shard).LeaderID != 0 || got.GetLeader() != 0 {
			return status.Error(codes.Unknown, "there is a leader")
		}
		if len(got.GetErrors()) != 1 || got.GetErrors()[0] != "etcdserver: no leader" {
			t.Errorf("errors %q", got.GetErrors())
		}
		return nil
	})
}

func TestAlarmDefragmentDowngrade(t *testing.T) {
	s := newSite(t)
	for port, conn := range s.ports() {
		upkeep := pb.NewMaintenanceClient(conn)
		for _, req := range []*pb.AlarmRequest{
			{},
			{Action: pb.AlarmRequest_GET, Alarm: pb.AlarmType_NOSPACE},
			{Action: pb.AlarmRequest_DEACTIVATE, Alarm: pb.AlarmType_NOSPACE, MemberID: 1},
			{Action: pb.AlarmRequest_ACTIVATE},
		} {
			got, err := upkeep.Alarm(within(t), req)
			if err != nil || len(got.GetAlarms()) > 0 {
				t.Errorf("%s: %v: %v %v", port, req, got, err)
			}
			checkHeader(t, port, got.GetHeader())
		}
		err := second(upkeep.Alarm(within(t), &pb.AlarmRequest{Action: pb.AlarmRequest_ACTIVATE, Alarm: pb.AlarmType_NOSPACE}))
		if status.Code(err) != codes.Unimplemented {
			t.Errorf("%s: activate: %v", port, err)
		}

		defragmented, err := upkeep.Defragment(within(t), &pb.DefragmentRequest{})
		if err != nil || defragmented.GetHeader() != nil {
			t.Errorf("%s: defragment: %v %v", port, defragmented, err)
		}

		for version, want := range map[string]error{
			"3.6": rpctypes.ErrGRPCInvalidDowngradeTargetVersion, "3.6.0": rpctypes.ErrGRPCInvalidDowngradeTargetVersion,
			"3.6.1-rc.0": rpctypes.ErrGRPCInvalidDowngradeTargetVersion,
			"":           rpctypes.ErrGRPCWrongDowngradeVersionFormat, "3": rpctypes.ErrGRPCWrongDowngradeVersionFormat,
			"v3.6": rpctypes.ErrGRPCWrongDowngradeVersionFormat,
		} {
			for _, action := range []pb.DowngradeRequest_DowngradeAction{pb.DowngradeRequest_VALIDATE, pb.DowngradeRequest_ENABLE} {
				wantError(t, port+": downgrade to "+version, want,
					second(upkeep.Downgrade(within(t), &pb.DowngradeRequest{Action: action, Version: version})))
			}
		}
		canceled, err := upkeep.Downgrade(within(t), &pb.DowngradeRequest{Action: pb.DowngradeRequest_CANCEL})
		if err != nil || canceled.GetVersion() != "3.7" {
			t.Errorf("%s: %v %v", port, canceled, err)
		}
		checkHeader(t, port, canceled.GetHeader())
		wantError(t, port+": no such action", status.Error(codes.Unknown, "etcdserver: unknown method"),
			second(upkeep.Downgrade(within(t), &pb.DowngradeRequest{Action: 9})))
	}
}

// The leader hands the shard over; others refuse to, and so does the leader when
// the target is nobody.
func TestMoveLeader(t *testing.T) {
	sites := newSites(t, 3)
	for range 2 {
		leader, other := led(t, sites)
		to := other.Status().ReplicaID
		wantError(t, "on another node", rpctypes.ErrGRPCNotLeader,
			second(pb.NewMaintenanceClient(other.native).MoveLeader(within(t), &pb.MoveLeaderRequest{TargetID: to})))
		upkeep := pb.NewMaintenanceClient(leader.connect)
		wantError(t, "to nobody", rpctypes.ErrGRPCBadLeaderTransferee,
			second(upkeep.MoveLeader(within(t), &pb.MoveLeaderRequest{TargetID: 99})))
		if _, err := upkeep.MoveLeader(within(t), &pb.MoveLeaderRequest{TargetID: leader.Status().ReplicaID}); err != nil {
			t.Errorf("to itself: %v", err)
		}
		moved, err := upkeep.MoveLeader(within(t), &pb.MoveLeaderRequest{TargetID: to})
		if err != nil || moved.GetHeader() != nil {
			t.Fatalf("%v %v", moved, err)
		}
		got, err := upkeep.Status(within(t), &pb.StatusRequest{})
		if err != nil || got.GetLeader() != to {
			t.Errorf("the leader is %d (%v), want %d", got.GetLeader(), err, to)
		}
	}
}
