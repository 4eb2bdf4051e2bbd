package etcdsource

import (
	"context"
	"slices"
	"time"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/mvccpb"
	"golang.org/x/sync/errgroup"

	"github.com/conclavehq/conclave/internal/archive"
)

const (
	// The number of keys of a page is adapted so that it has about pageBytes.
	pageBytes = 2 << 20
	firstPage = 64
	maxPage   = 10_000

	// asking is how many leases are asked for at a time.
	asking = 16
)

// At is the keys as they were at a revision, and the leases as they are.
func (e *Etcd) At(revision int64) archive.Source {
	return &snapshot{etcd: e, revision: revision, limit: firstPage}
}

// snapshot reads the keys at one revision. One goroutine reads keys.
type snapshot struct {
	etcd     *Etcd
	revision int64
	limit    int64
}

// Keys implements archive.Source.
func (s *snapshot) Keys(ctx context.Context, from []byte) ([]archive.Key, bool, error) {
	key, end := s.etcd.bounds(string(from))
	res, err := try(ctx, s.etcd, func(ctx context.Context, m *member) (*pb.RangeResponse, error) {
		res, err := m.kv.Range(ctx, &pb.RangeRequest{Key: key, RangeEnd: end, Revision: s.revision, Limit: s.limit})
		if err != nil {
			return nil, err
		}
		return res, s.etcd.sameCluster(m, res.GetHeader())
	})
	if err != nil {
		return nil, false, s.etcd.forgotten(ctx, err, s.revision)
	}
	keys, size := make([]archive.Key, 0, len(res.GetKvs())), int64(0)
	for _, kv := range res.GetKvs() {
		keys = append(keys, keyOf(kv))
		size += int64(len(kv.GetKey()) + len(kv.GetValue()))
	}
	s.adapt(int64(len(keys)), size)
	return keys, res.GetMore(), nil
}

// adapt chooses the limit of the next page by what the last one had.
func (s *snapshot) adapt(keys, size int64) {
	if keys == 0 {
		return
	}
	fits := pageBytes / max(1, size/keys)
	s.limit = min(max(1, fits), maxPage, 4*s.limit)
}

func keyOf(kv *mvccpb.KeyValue) archive.Key {
	return archive.Key{
		Key: kv.GetKey(), Value: kv.GetValue(), CreateRevision: kv.GetCreateRevision(),
		ModRevision: kv.GetModRevision(), Version: kv.GetVersion(), Lease: kv.GetLease(),
	}
}

// Leases implements archive.Source. All are one page.
func (s *snapshot) Leases(ctx context.Context, _ int64) ([]archive.Lease, bool, error) {
	ids, err := s.etcd.LeaseIDs(ctx)
	if err != nil {
		return nil, false, err
	}
	leases := make([]archive.Lease, len(ids))
	group, asked := errgroup.WithContext(ctx)
	group.SetLimit(asking)
	for i, id := range ids {
		group.Go(func() error {
			ttl, err := s.etcd.TTL(asked, id)
			leases[i] = archive.Lease{ID: id, TTL: ttl}
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, false, err
	}
	leases = slices.DeleteFunc(leases, func(l archive.Lease) bool { return l.TTL == 0 }) // ended meanwhile
	return leases, false, nil
}

// LeaseIDs are those of the leases, in order.
func (e *Etcd) LeaseIDs(ctx context.Context) ([]int64, error) {
	res, err := try(ctx, e, func(ctx context.Context, m *member) (*pb.LeaseLeasesResponse, error) {
		return m.lease.LeaseLeases(ctx, &pb.LeaseLeasesRequest{})
	})
	if err != nil {
		return nil, err
	}
	ids := make([]int64, 0, len(res.GetLeases()))
	for _, lease := range res.GetLeases() {
		ids = append(ids, lease.GetID())
	}
	slices.Sort(ids)
	return ids, nil
}

// TTL is what a lease was granted for; 0 if there is no such lease.
func (e *Etcd) TTL(ctx context.Context, lease int64) (time.Duration, error) {
	res, err := try(ctx, e, func(ctx context.Context, m *member) (*pb.LeaseTimeToLiveResponse, error) {
		return m.lease.LeaseTimeToLive(ctx, &pb.LeaseTimeToLiveRequest{ID: lease})
	})
	if err != nil || res.GetTTL() < 0 {
		return 0, err
	}
	return time.Duration(res.GetGrantedTTL()) * time.Second, nil
}
