package etcd

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"slices"
	"time"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"

	logv1 "github.com/conclavehq/conclave/proto/gen/conclave/log/v1"
)

const (
	// etcd raises shorter TTLs to one and a half election timeouts, which are two
	// seconds as it comes, and refuses longer ones.
	minLeaseTTL = 2
	maxLeaseTTL = 9_000_000_000
	// grantAttempts is how often a lease id is chosen until one is free.
	grantAttempts = 3
	// leasePage is how many leases are listed with one question.
	leasePage = 10_000
)

// leaseServer is etcd's Lease service. Its leases are those of the native API:
// a session of the SDK is seen here, too. TTLs are whole seconds here.
type leaseServer struct {
	*Server
	pb.UnsafeLeaseServer
}

var _ pb.LeaseServer = leaseServer{}

// LeaseGrant makes a lease.
func (s leaseServer) LeaseGrant(ctx context.Context, req *pb.LeaseGrantRequest) (*pb.LeaseGrantResponse, error) {
	if req.GetTTL() > maxLeaseTTL {
		return nil, rpctypes.ErrGRPCLeaseTTLTooLarge
	}
	grant := &logv1.GrantLease{LeaseId: req.GetID(), TtlMs: max(req.GetTTL(), minLeaseTTL) * 1000}
	for attempt := 1; ; attempt++ {
		if req.GetID() == 0 {
			grant.LeaseId = chooseLeaseID()
		}
		where, result, err := s.propose(ctx, req, &logv1.Command{Body: &logv1.Command_GrantLease{GrantLease: grant}})
		if errors.Is(err, rpctypes.ErrGRPCLeaseExist) && req.GetID() == 0 && attempt < grantAttempts {
			continue
		}
		if err != nil {
			return nil, err
		}
		return &pb.LeaseGrantResponse{
			Header: s.header(where.Shard, result.GetRevision()),
			ID:     result.GetGrantLease().GetLeaseId(),
			TTL:    wholeSeconds(result.GetGrantLease().GetTtlMs()),
		}, nil
	}
}

// chooseLeaseID gives a random positive number.
func chooseLeaseID() int64 {
	var random [8]byte
	for {
		rand.Read(random[:]) // never fails
		if id := int64(binary.BigEndian.Uint64(random[:]) >> 1); id != 0 {
			return id
		}
	}
}

// wholeSeconds is a TTL as this surface tells it: not longer than it is, but
// not 0, which means that there is no lease.
func wholeSeconds(ms int64) int64 { return max(1, ms/1000) }

// LeaseRevoke ends a lease and deletes its keys, all in one revision.
func (s leaseServer) LeaseRevoke(ctx context.Context, req *pb.LeaseRevokeRequest) (*pb.LeaseRevokeResponse, error) {
	where, result, err := s.propose(ctx, req, &logv1.Command{Body: &logv1.Command_RevokeLease{
		RevokeLease: &logv1.RevokeLease{LeaseId: req.GetID()},
	}})
	if err != nil {
		return nil, err
	}
	return &pb.LeaseRevokeResponse{Header: s.header(where.Shard, result.GetRevision())}, nil
}

// LeaseTimeToLive tells about a lease. That there is none is an answer.
func (s leaseServer) LeaseTimeToLive(ctx context.Context, req *pb.LeaseTimeToLiveRequest) (*pb.LeaseTimeToLiveResponse, error) {
	where, answer, err := s.ask(ctx, false, &logv1.Query{Body: &logv1.Query_GetLease{
		GetLease: &logv1.GetLease{LeaseId: req.GetID(), Keys: req.GetKeys()},
	}})
	if err != nil && !errors.Is(err, rpctypes.ErrGRPCLeaseNotFound) {
		return nil, err
	}
	res := &pb.LeaseTimeToLiveResponse{
		Header: s.header(where.Shard, answer.GetRevision()),
		ID:     req.GetID(),
		TTL:    -1,
	}
	if lease := answer.GetGetLease().GetLease(); lease != nil {
		// The clock of the log is always a little behind.
		res.TTL = max(0, lease.GetRemainingMs()-1) / 1000
		res.GrantedTTL = wholeSeconds(lease.GetTtlMs())
		res.Keys = lease.GetKeys()
	}
	return res, nil
}

// LeaseLeases lists all leases, those that end first first.
func (s leaseServer) LeaseLeases(ctx context.Context, _ *pb.LeaseLeasesRequest) (*pb.LeaseLeasesResponse, error) {
	var (
		began = time.Now()
		res   = &pb.LeaseLeasesResponse{}
		list  = &logv1.ListLeases{Limit: leasePage}
		ends  []leaseEnd
	)
	for more, later := true, false; more; later = true {
		// The first page has seen all that was acknowledged.
		where, answer, err := s.ask(ctx, later, &logv1.Query{Body: &logv1.Query_ListLeases{ListLeases: list}})
		if err != nil {
			return nil, err
		}
		page := answer.GetListLeases()
		// What remains is counted from when the page was read.
		passed := time.Since(began).Milliseconds()
		for _, lease := range page.GetLeases() {
			ends = append(ends, leaseEnd{id: lease.GetLeaseId(), at: lease.GetRemainingMs() + passed})
			list.AfterLeaseId = lease.GetLeaseId()
		}
		more = page.GetMore()
		res.Header = s.header(where.Shard, answer.GetRevision())
	}
	slices.SortStableFunc(ends, func(a, b leaseEnd) int { return cmp.Compare(a.at, b.at) })
	for _, end := range ends {
		res.Leases = append(res.Leases, &pb.LeaseStatus{ID: end.id})
	}
	return res, nil
}

// leaseEnd is when a lease ends, in milliseconds since some moment.
type leaseEnd struct{ id, at int64 }
