package etcd_test

import (
	"bytes"
	"context"
	"fmt"
	"testing"
	"time"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	"go.etcd.io/etcd/server/v3/etcdserver/api/v3election/v3electionpb"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

var (
	errNotLeader   = status.Error(codes.Unknown, "election: not leader")
	errNobodyLeads = status.Error(codes.Unknown, "election: no leader")
	errNoLeaderKey = status.Error(codes.Unknown, `"leader" field must be provided`)
)

func campaign(t *testing.T, conn *grpc.ClientConn, name, value string, lease int64) *v3electionpb.LeaderKey {
	t.Helper()
	res, err := take(t, campaignLater(within(t), conn, name, value, lease))
	if err != nil {
		t.Fatalf("campaign for %s: %v", name, err)
	}
	checkHeader(t, "campaign", res.GetHeader())
	return res.GetLeader()
}

func campaignLater(ctx context.Context, conn *grpc.ClientConn, name, value string, lease int64) <-chan answer[*v3electionpb.CampaignResponse] {
	return later(ctx, func(ctx context.Context) (*v3electionpb.CampaignResponse, error) {
		return v3electionpb.NewElectionClient(conn).Campaign(ctx, &v3electionpb.CampaignRequest{
			Name: []byte(name), Value: []byte(value), Lease: lease,
		})
	})
}

func proclaim(t *testing.T, conn *grpc.ClientConn, leader *v3electionpb.LeaderKey, value string) error {
	t.Helper()
	res, err := v3electionpb.NewElectionClient(conn).Proclaim(within(t), &v3electionpb.ProclaimRequest{Leader: leader, Value: []byte(value)})
	if err == nil {
		checkHeader(t, "proclaim", res.GetHeader())
	}
	return err
}

func resign(t *testing.T, conn *grpc.ClientConn, leader *v3electionpb.LeaderKey) {
	t.Helper()
	res, err := v3electionpb.NewElectionClient(conn).Resign(within(t), &v3electionpb.ResignRequest{Leader: leader})
	if err != nil {
		t.Fatalf("resign: %v", err)
	}
	checkHeader(t, "resign", res.GetHeader())
}

// leads is the value of who leads.
func leads(t *testing.T, conn *grpc.ClientConn, name string) string {
	t.Helper()
	res, err := v3electionpb.NewElectionClient(conn).Leader(within(t), &v3electionpb.LeaderRequest{Name: []byte(name)})
	if err != nil {
		return err.Error()
	}
	checkHeader(t, "leader", res.GetHeader())
	return string(res.GetKv().GetValue())
}

func TestElection(t *testing.T) {
	s := newSite(t)
	for port, conn := range s.ports() {
		name := "e/" + port
		elections := v3electionpb.NewElectionClient(conn)
		nobody := func() {
			t.Helper()
			wantError(t, port, errNobodyLeads, second(elections.Leader(within(t), &v3electionpb.LeaderRequest{Name: []byte(name)})))
		}
		nobody()
		lease := grant(t, conn, 0, 60).GetID()
		leader := campaign(t, conn, name, "one", lease)
		if string(leader.GetName()) != name || string(leader.GetKey()) != fmt.Sprintf("%s/%x", name, lease) ||
			leader.GetLease() != lease || !owns(t, s, leader.GetKey(), leader.GetRev()) {
			t.Errorf("%s: %v", port, leader)
		}
		if got := leads(t, conn, name); got != "one" {
			t.Errorf("%q leads", got)
		}
		// Again, with the same and with another value.
		for _, value := range []string{"one", "two"} {
			if again := campaign(t, conn, name, value, lease); again.GetRev() != leader.GetRev() || leads(t, conn, name) != value {
				t.Errorf("%s: %v, and %q leads", port, again, leads(t, conn, name))
			}
		}
		if err := proclaim(t, conn, leader, "three"); err != nil || leads(t, conn, name) != "three" {
			t.Errorf("%v, and %q leads", err, leads(t, conn, name))
		}

		next := campaignLater(within(t), conn, name, "next", grant(t, conn, 0, 60).GetID())
		waitLine(t, conn, name, 2)
		waits(t, next)
		other := &v3electionpb.LeaderKey{Name: leader.GetName(), Key: leader.GetKey(), Rev: leader.GetRev() + 1, Lease: lease}
		wantError(t, port+": another term", errNotLeader, proclaim(t, conn, other, "x"))
		resign(t, conn, other)
		waits(t, next)
		resign(t, conn, leader)
		elected, err := take(t, next)
		if err != nil {
			t.Fatal(err)
		}
		if elected.GetHeader().GetRevision() != elected.GetLeader().GetRev() || leads(t, conn, name) != "next" {
			t.Errorf("%s: %v, and %q leads", port, elected, leads(t, conn, name))
		}
		wantError(t, port+": the old leader", errNotLeader, proclaim(t, conn, leader, "x"))
		resign(t, conn, elected.GetLeader())
		nobody()
	}
}

func TestElectionErrors(t *testing.T) {
	s := newSite(t)
	for port, conn := range s.ports() {
		elections := v3electionpb.NewElectionClient(conn)
		wantError(t, port, errNoLeaderKey, second(elections.Proclaim(within(t), &v3electionpb.ProclaimRequest{})))
		wantError(t, port, errNoLeaderKey, second(elections.Resign(within(t), &v3electionpb.ResignRequest{})))
		wantError(t, port, withoutCode(rpctypes.ErrGRPCEmptyKey),
			second(elections.Proclaim(within(t), &v3electionpb.ProclaimRequest{Leader: &v3electionpb.LeaderKey{Rev: 1}})))
		wantError(t, port, withoutCode(rpctypes.ErrGRPCLeaseNotFound),
			second(elections.Campaign(within(t), &v3electionpb.CampaignRequest{Name: []byte("e"), Lease: 99})))
		wantError(t, port, withoutCode(rpctypes.ErrGRPCLeaseNotFound), proclaim(t, conn, func() *v3electionpb.LeaderKey {
			leader := campaign(t, conn, "lease/"+port, "v", grant(t, conn, 0, 60).GetID())
			leader.Lease = 99
			return leader
		}(), "x"))
	}
}

// The key of a leader that names no lease keeps its own, and ends with it.
func TestProclaimKeepsTheLease(t *testing.T) {
	s := newSite(t)
	leader := campaign(t, s.native, "e", "one", 0)
	lease := leader.GetLease()
	leader.Lease = 0
	if err := proclaim(t, s.native, leader, "two"); err != nil {
		t.Fatal(err)
	}
	if line := lineOf(t, s.native, "e"); len(line) != 1 || line[0].GetLease() != lease || string(line[0].GetValue()) != "two" {
		t.Errorf("the line is %v", line)
	}
	if got := leases(t, s.native); len(got) != 1 {
		t.Errorf("leases %v", got)
	}
	revoke(t, s.native, lease)
	waitLine(t, s.native, "e", 0)
}

// A candidate that goes away is none any more, and one whose key is gone does not
// believe that it leads.
func TestCandidatesGoAway(t *testing.T) {
	s := newSite(t)
	for port, conn := range s.ports() {
		name := "e/" + port
		leader := campaign(t, conn, name, "leader", grant(t, conn, 0, 60).GetID())
		ctx, cancel := context.WithCancel(within(t))
		gone := campaignLater(ctx, conn, name, "gone", grant(t, conn, 0, 60).GetID())
		waitLine(t, conn, name, 2)
		lease := grant(t, conn, 0, 60).GetID()
		ended := campaignLater(within(t), conn, name, "ended", lease)
		waitLine(t, conn, name, 3)
		cancel()
		if _, err := take(t, gone); status.Code(err) != codes.Canceled {
			t.Errorf("%s: %v", port, err)
		}
		waitLine(t, conn, name, 2)
		revoke(t, conn, lease)
		_, err := take(t, ended)
		wantError(t, port, errNotLeader, err)
		resign(t, conn, leader)
		waitLine(t, conn, name, 0)
	}
}

func TestElectionDrains(t *testing.T) {
	sites := newSites(t, 3)
	stops, other := sites[0], sites[1]
	campaign(t, other.native, "e", "leader", grant(t, other.native, 0, 60).GetID())
	waiting := campaignLater(within(t), stops.native, "e", "next", grant(t, other.native, 0, 60).GetID())
	waitLine(t, other.native, "e", 2)
	observed := observe(t, within(t), stops.connect, "e")
	observed.want("leader")
	stops.api.Drain()
	_, err := take(t, waiting)
	wantError(t, "the candidate", rpctypes.ErrGRPCStopped, err)
	_, err = observed.stream.Recv()
	wantError(t, "the observer", rpctypes.ErrGRPCStopped, err)
	waitLine(t, other.native, "e", 1)
}

// observed is a stream of leaders.
type observed struct {
	t      *testing.T
	stream grpc.ServerStreamingClient[v3electionpb.LeaderResponse]
	last   int64
}

func observe(t *testing.T, ctx context.Context, conn *grpc.ClientConn, name string) *observed {
	t.Helper()
	stream, err := v3electionpb.NewElectionClient(conn).Observe(ctx, &v3electionpb.LeaderRequest{Name: []byte(name)})
	if err != nil {
		t.Fatal(err)
	}
	return &observed{t: t, stream: stream}
}

// want receives the value of the next leader.
func (o *observed) want(value string) {
	o.t.Helper()
	res, err := o.stream.Recv()
	if err != nil {
		o.t.Fatal(err)
	}
	checkHeader(o.t, "observe", res.GetHeader())
	if string(res.GetKv().GetValue()) != value {
		o.t.Errorf("%v leads, want %s", res.GetKv(), value)
	}
	if at := res.GetHeader().GetRevision(); at <= o.last || at < res.GetKv().GetModRevision() {
		o.t.Errorf("told at revision %d after %d: %v", at, o.last, res.GetKv())
	}
	o.last = res.GetHeader().GetRevision()
}

// An observer hears of the leader that is there, of what it proclaims and of all
// leaders that follow.
func TestObserve(t *testing.T) {
	s := newSite(t)
	for port, conn := range s.ports() {
		name := "e/" + port
		ctx, cancel := context.WithCancel(within(t))
		early := observe(t, ctx, conn, name)
		leader := campaign(t, conn, name, "one", grant(t, conn, 0, 60).GetID())
		early.want("one")
		late := observe(t, within(t), conn, name)
		late.want("one")
		tell := func(value string) {
			t.Helper()
			early.want(value)
			late.want(value)
		}
		if err := proclaim(t, conn, leader, "two"); err != nil {
			t.Fatal(err)
		}
		tell("two")
		next := campaignLater(within(t), conn, name, "three", grant(t, conn, 0, 60).GetID())
		waitLine(t, conn, name, 2)
		resign(t, conn, leader)
		tell("three")
		elected, err := take(t, next)
		if err != nil {
			t.Fatal(err)
		}
		compact(t, conn, write(t, conn, "other", "", 0))
		if err := proclaim(t, conn, elected.GetLeader(), "four"); err != nil {
			t.Fatal(err)
		}
		tell("four")
		resign(t, conn, elected.GetLeader())
		waitLine(t, conn, name, 0)
		compact(t, conn, write(t, conn, "other", "", 0))
		campaign(t, conn, name, "five", grant(t, conn, 0, 60).GetID())
		tell("five")

		cancel()
		if _, err := early.stream.Recv(); status.Code(err) != codes.Canceled {
			t.Errorf("%s: %v", port, err)
		}
	}
}

// What is compacted before an observer has begun to watch is made up for, and
// nothing is told twice.
func TestObserveAfterCompaction(t *testing.T) {
	s := newSite(t)
	conn := serveOver(t, &forgetful{site: s, before: []func(){
		func() {},
		func() { s.put("e/1", "client") },
		func() { s.put("e/1", "proclaimed") },
		func() {},
		func() { s.remove("e/1"); s.put("e/2", "next") },
	}})
	o := observe(t, within(t), conn, "e")
	for _, value := range []string{"client", "proclaimed", "next"} {
		o.want(value)
	}
	s.put("e/2", "last")
	o.want("last")
}

// Leaders of client/v3/concurrency and of this service are in one line.
func TestElectionOfAClient(t *testing.T) {
	s := newSite(t)
	write(t, s.native, "e/cafe", "client", 0)
	o := observe(t, within(t), s.connect, "e")
	o.want("client")
	waiting := campaignLater(within(t), s.native, "e", "service", 0)
	waitLine(t, s.native, "e", 2)
	s.AdvanceClock(50 * time.Second)
	remove(t, s.native, "e/cafe", "")
	elected, err := take(t, waiting)
	if err != nil {
		t.Fatal(err)
	}
	o.want("service")
	if line := lineOf(t, s.native, "e"); len(line) != 1 || !bytes.Equal(line[0].GetKey(), elected.GetLeader().GetKey()) ||
		line[0].GetLease() != elected.GetLeader().GetLease() {
		t.Errorf("%v leads, and the line is %v", elected.GetLeader(), line)
	}
	if left := timeToLive(t, s.native, elected.GetLeader().GetLease()); left.GetTTL() < 50 {
		t.Errorf("%v, want a minute", left)
	}
}
