package etcd

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/conclavehq/conclave/cluster"
	logv1 "github.com/conclavehq/conclave/proto/gen/conclave/log/v1"
	"github.com/conclavehq/conclave/statemachine/feed"
)

// errPlaceLost says that the key of a place is gone: its lease ended, or somebody
// deleted it.
var errPlaceLost = errors.New("etcd: the key in the line is gone")

// renewEvery is how often a lease is renewed that was granted for a call, while
// the call waits.
const renewEvery = sessionTTL * time.Second / 3

// wait returns when no key is before this one, with a revision at which that was
// so. It waits for one key only, the one before it, so that a line of many costs
// each deletion one wake-up; and for the end of its own.
func (p *place) wait(ctx context.Context) (revision int64, err error) {
	if p.first {
		return p.seen, ctx.Err()
	}
	waiting, cancel := context.WithCancelCause(ctx)
	var beside sync.WaitGroup
	beside.Go(func() {
		if p.untilDeleted(waiting, p.key, p.created, p.seen) == nil {
			cancel(errPlaceLost)
		}
	})
	if p.granted {
		beside.Go(func() { p.renew(waiting) })
	}
	err = p.untilFirst(waiting)
	if errors.Is(context.Cause(waiting), errPlaceLost) {
		err = errPlaceLost
	}
	cancel(nil)
	beside.Wait()
	if err != nil {
		return 0, err
	}
	return p.stillThere(ctx)
}

// untilFirst waits for one key before this one after the other.
func (p *place) untilFirst(ctx context.Context) error {
	read := cluster.ReadOptions{Serializable: true, MinIndex: p.index}
	for {
		answer, err := p.read(ctx, read, &logv1.Range{
			Key: []byte(p.prefix), RangeEnd: lineEnd(p.prefix), Limit: 1, Uncounted: true, KeysOnly: true,
			MaxCreateRevision: p.created - 1,
			SortTarget:        logv1.SortTarget_SORT_TARGET_CREATE_REVISION, SortOrder: logv1.SortOrder_SORT_ORDER_DESCEND,
		})
		if err != nil {
			return err
		}
		kvs := answer.GetRange().GetKvs()
		if len(kvs) == 0 {
			return nil
		}
		err = p.untilDeleted(ctx, string(kvs[0].GetKey()), kvs[0].GetCreateRevision(), answer.GetRevision())
		if err != nil {
			return err
		}
	}
}

// untilDeleted waits until a key is deleted that was there at a revision.
func (p *place) untilDeleted(ctx context.Context, key string, created, at int64) error {
	for {
		err := p.nextDelete(ctx, key, at)
		if _, forgotten := errors.AsType[*feed.CompactedError](err); !forgotten {
			return err
		}
		// What happened after that revision is compacted.
		answer, err := p.read(ctx, cluster.ReadOptions{Serializable: true, MinIndex: p.index}, &logv1.Range{Key: []byte(key), KeysOnly: true})
		if err != nil {
			return err
		}
		if kvs := answer.GetRange().GetKvs(); len(kvs) == 0 || kvs[0].GetCreateRevision() != created {
			return nil
		}
		at = answer.GetRevision()
	}
}

// nextDelete waits until a key is deleted after a revision.
func (p *place) nextDelete(ctx context.Context, key string, at int64) error {
	watcher, err := p.cluster.Watch(p.where.Shard, feed.WatchRequest{
		Namespace: p.where.ID, Key: []byte(key), StartRevision: at + 1, NoPut: true,
	})
	if err != nil {
		return err
	}
	defer watcher.Close()
	_, err = watcher.Next(ctx)
	return err
}

// renew keeps the lease that was granted for the call.
func (p *place) renew(ctx context.Context) {
	ticker := time.NewTicker(renewEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			p.renewOnce(ctx)
		case <-ctx.Done():
			return
		}
	}
}

// renewOnce gives the lease its full TTL again. If that fails the key is deleted
// in the end, and that is seen.
func (p *place) renewOnce(ctx context.Context) {
	_, _ = p.cluster.Propose(ctx, p.where.Shard, &logv1.Command{
		NamespaceId: p.where.ID,
		Body:        &logv1.Command_RenewLease{RenewLease: &logv1.RenewLease{LeaseId: p.lease}},
	})
}

// stillThere makes certain that the key is there now: this node may have learnt
// late that it is the first.
func (p *place) stillThere(ctx context.Context) (revision int64, err error) {
	if p.granted {
		p.renewOnce(ctx) // the caller has all of it before it
	}
	answer, err := p.read(ctx, cluster.ReadOptions{}, &logv1.Range{Key: []byte(p.key), KeysOnly: true})
	if err != nil {
		return 0, err
	}
	if kvs := answer.GetRange().GetKvs(); len(kvs) == 0 || kvs[0].GetCreateRevision() != p.created {
		return 0, errPlaceLost
	}
	return answer.GetRevision(), nil
}

// read reads keys of the line's namespace.
func (p *place) read(ctx context.Context, options cluster.ReadOptions, q *logv1.Range) (*logv1.Answer, error) {
	answer, err := p.cluster.Query(ctx, p.where.Shard, options, &logv1.Query{
		NamespaceId: p.where.ID, Body: &logv1.Query_Range{Range: q},
	})
	return answer, p.answered(ctx, answer, err)
}
