package etcd_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/testing/protocmp"
)

// Members have their names, their addresses and the ids that headers and statuses
// tell; the header has no revision.
func TestMemberList(t *testing.T) {
	sites := newSites(t, 3)
	var want []*pb.Member
	for _, s := range sites {
		status := s.Status()
		for _, node := range status.Members {
			if node.GetName() == status.Name {
				want = append(want, &pb.Member{
					ID: status.ReplicaID, Name: status.Name,
					PeerURLs: []string{node.GetPeerUrl()}, ClientURLs: []string{"http://" + status.Name + ":2379"},
				})
			}
		}
	}
	slices.SortFunc(want, func(a, b *pb.Member) int { return int(int64(a.ID - b.ID)) })
	for _, s := range sites {
		for port, conn := range s.ports() {
			list, err := pb.NewClusterClient(conn).MemberList(within(t), &pb.MemberListRequest{Linearizable: true})
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, list.GetMembers(), protocmp.Transform()); diff != "" {
				t.Errorf("%s (-want +got):\n%s", port, diff)
			}
			if h := list.GetHeader(); h.GetRevision() != 0 || h.GetMemberId() != s.Status().ReplicaID || h.GetClusterId() == 0 || h.GetRaftTerm() == 0 {
				t.Errorf("%s: header %v", port, h)
			}
		}
	}

	// Without a majority, only a list that may be old can be had.
	sites[1].stop()
	sites[2].stop()
	list, err := pb.NewClusterClient(sites[0].native).MemberList(within(t), &pb.MemberListRequest{})
	if err != nil || len(list.GetMembers()) != 3 {
		t.Errorf("%v %v, want three members", list, err)
	}
}

// Who changes members is told what is wrong with that, as etcd does, and then that
// they are fixed.
func TestMemberChanges(t *testing.T) {
	s := newSite(t)
	self := s.Status().ReplicaID
	url := s.Status().Members[0].GetPeerUrl()
	for port, conn := range s.ports() {
		members := pb.NewClusterClient(conn)
		add := func(urls ...string) error {
			return second(members.MemberAdd(within(t), &pb.MemberAddRequest{PeerURLs: urls}))
		}
		for _, bad := range [][]string{nil, {"10.0.0.1:2380"}, {"http://10.0.0.1"}, {"http://10.0.0.1:2380/path"}, {"ftp://a:1"}, {"http://a:1", "::"}} {
			wantError(t, port+": a bad URL", rpctypes.ErrGRPCMemberBadURLs, add(bad...))
		}
		wantError(t, port+": a URL that a member has", rpctypes.ErrGRPCPeerURLExist, add(url))
		if err := add("http://10.0.0.1:2380"); status.Code(err) != codes.Unimplemented || !strings.Contains(err.Error(), "conclave member replace") {
			t.Errorf("%s: add: %v, want what to do instead", port, err)
		}

		wantError(t, port+": remove", rpctypes.ErrGRPCMemberNotFound,
			second(members.MemberRemove(within(t), &pb.MemberRemoveRequest{ID: 99})))
		wantError(t, port+": update", rpctypes.ErrGRPCMemberNotFound,
			second(members.MemberUpdate(within(t), &pb.MemberUpdateRequest{ID: 99, PeerURLs: []string{"http://a:1"}})))
		wantError(t, port+": promote", rpctypes.ErrGRPCMemberNotFound,
			second(members.MemberPromote(within(t), &pb.MemberPromoteRequest{ID: 99})))
		wantError(t, port+": promote a voter", rpctypes.ErrGRPCMemberNotLearner,
			second(members.MemberPromote(within(t), &pb.MemberPromoteRequest{ID: self})))
		wantError(t, port+": update to a bad URL", rpctypes.ErrGRPCMemberBadURLs,
			second(members.MemberUpdate(within(t), &pb.MemberUpdateRequest{ID: self, PeerURLs: []string{"a"}})))
		if err := second(members.MemberRemove(within(t), &pb.MemberRemoveRequest{ID: self})); status.Code(err) != codes.Unimplemented {
			t.Errorf("%s: remove: %v", port, err)
		}
		if err := second(members.MemberUpdate(within(t), &pb.MemberUpdateRequest{ID: self, PeerURLs: []string{"http://b:1"}})); status.Code(err) != codes.Unimplemented {
			t.Errorf("%s: update: %v", port, err)
		}
	}
}
