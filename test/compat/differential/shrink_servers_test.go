package differential

import (
	"context"
	"errors"
	"fmt"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
)

// servers are a pair for many scripts in a row.
type servers struct {
	kinds [2]system
	// used allows a pair to be used again, after it was emptied, as long as the two
	// are in lockstep: starting takes a second, and looking for the shortest script
	// takes hundreds of runs. Fresh ones are made to look used, too.
	used bool
	pair pair
}

// next is a pair that is empty and equally far.
func (v *servers) next(ctx context.Context) (pair, error) {
	if v.used && v.pair[0] != nil && level(ctx, v.pair) == nil {
		return v.pair, nil
	}
	v.drop()
	p, err := startPair(ctx, v.kinds[0], v.kinds[1])
	if err != nil {
		return p, err
	}
	v.pair = p
	if v.used {
		err = level(ctx, p)
	}
	return p, err
}

// drop ends the pair. What it says while it ends is of no interest.
func (v *servers) drop() {
	_ = v.pair.close()
	v.pair = pair{}
}

// level empties both systems, brings them to the same revision and compacts them.
func level(ctx context.Context, p pair) error {
	ctx, cancel := context.WithTimeout(ctx, defaultPatience)
	defer cancel()
	var heads [2]int64
	for i, s := range p {
		var err error
		if heads[i], err = empty(ctx, s); err != nil {
			return err
		}
	}
	const least, most = 100, 200 // revisions before the head mean something, and one that is far behind is not helped
	target := max(heads[0], heads[1], least) + 1
	for i, s := range p {
		kv := pb.NewKVClient(s.api)
		if target-heads[i] > most {
			return fmt.Errorf("one is at revision %d, the other at %d", heads[0], heads[1])
		}
		for ; heads[i] < target; heads[i]++ {
			if _, err := kv.Put(ctx, &pb.PutRequest{Key: []byte("level")}); err != nil {
				return err
			}
		}
		deleted, err := kv.DeleteRange(ctx, &pb.DeleteRangeRequest{Key: []byte("level")})
		if err != nil {
			return err
		}
		if deleted.GetHeader().GetRevision() != target+1 {
			return errors.New("puts and deletes do not count alike")
		}
		if _, err := kv.Compact(ctx, &pb.CompactionRequest{Revision: target + 1, Physical: true}); err != nil {
			return err
		}
		s.compacted = target + 1
	}
	return nil
}

// empty deletes all that a system holds and returns its revision.
func empty(ctx context.Context, s *server) (revision int64, err error) {
	leases := pb.NewLeaseClient(s.api)
	all, err := leases.LeaseLeases(ctx, &pb.LeaseLeasesRequest{})
	if err != nil {
		return 0, err
	}
	for _, l := range all.GetLeases() {
		if _, err := leases.LeaseRevoke(ctx, &pb.LeaseRevokeRequest{ID: l.GetID()}); err != nil {
			return 0, err
		}
	}
	zero := []byte{0}
	deleted, err := pb.NewKVClient(s.api).DeleteRange(ctx, &pb.DeleteRangeRequest{Key: zero, RangeEnd: zero})
	return deleted.GetHeader().GetRevision(), err
}
