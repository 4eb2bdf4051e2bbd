package etcd

import (
	"context"
	"errors"

	"go.etcd.io/etcd/server/v3/etcdserver/api/v3election/v3electionpb"
	"google.golang.org/grpc"

	"github.com/conclavehq/conclave/cluster"
	logv1 "github.com/conclavehq/conclave/proto/gen/conclave/log/v1"
	"github.com/conclavehq/conclave/statemachine/feed"
)

// Observe tells who leads, and each later leader and each value that a leader
// proclaims. That nobody leads is not told. It ends with the stream, when the
// server drains, and when this node has long had no leader to hear of changes
// from.
func (s electionServer) Observe(req *v3electionpb.LeaderRequest, stream grpc.ServerStreamingServer[v3electionpb.LeaderResponse]) error {
	ctx, where, done, err := s.streaming(stream.Context())
	if err != nil {
		return err
	}
	defer done()
	o := observer{Server: s.Server, where: where, prefix: linePrefix(req.GetName()), send: stream.Send}
	err = o.run(ctx)
	if broken, ok := errors.AsType[brokenStream](err); ok {
		return broken.error
	}
	return s.explain(ctx, err)
}

// observer follows the first key of a line.
type observer struct {
	*Server
	where  cluster.Namespace
	prefix string
	send   func(*v3electionpb.LeaderResponse) error
	// told is the mod revision of what was told last.
	told int64
}

// run goes on until ctx ends or something fails.
func (o *observer) run(ctx context.Context) error {
	read := cluster.ReadOptions{}
	for {
		answer, err := o.cluster.Query(ctx, o.where.Shard, read, &logv1.Query{
			NamespaceId: o.where.ID, Body: &logv1.Query_Range{Range: firstInLine(o.prefix)},
		})
		if err := o.answered(ctx, answer, err); err != nil {
			return err
		}
		read.Serializable = true // what wakes it up later, this node has applied
		if kvs := answer.GetRange().GetKvs(); len(kvs) > 0 {
			err = o.follow(ctx, kvs[0], answer.GetRevision())
		} else {
			err = o.await(ctx, answer.GetRevision())
		}
		if _, forgotten := errors.AsType[*feed.CompactedError](err); err != nil && !forgotten {
			return err
		}
	}
}

// await waits until somebody leads after a revision at which nobody did: who is
// the first to put a key.
func (o *observer) await(ctx context.Context, at int64) error {
	watcher, err := o.cluster.Watch(o.where.Shard, feed.WatchRequest{
		Namespace: o.where.ID, Key: []byte(o.prefix), RangeEnd: lineEnd(o.prefix), StartRevision: at + 1, NoDelete: true,
	})
	if err != nil {
		return err
	}
	batch, err := watcher.Next(ctx)
	watcher.Close()
	if err != nil {
		return err
	}
	leader := batch.Events[0].GetKv()
	return o.follow(ctx, leader, leader.GetModRevision())
}

// follow tells a leader, as of a revision, and what it proclaims after that, until
// its key is deleted.
func (o *observer) follow(ctx context.Context, leader *logv1.KeyValue, at int64) error {
	if err := o.tell(leader, at); err != nil {
		return err
	}
	watcher, err := o.cluster.Watch(o.where.Shard, feed.WatchRequest{
		Namespace: o.where.ID, Key: leader.GetKey(), StartRevision: at + 1,
	})
	if err != nil {
		return err
	}
	defer watcher.Close()
	for {
		batch, err := watcher.Next(ctx)
		if err != nil {
			return err
		}
		for _, event := range batch.Events {
			if event.GetType() == logv1.KVEvent_TYPE_DELETE {
				return nil
			}
			if err := o.tell(event.GetKv(), batch.Revision); err != nil {
				return err
			}
		}
	}
}

// tell tells a leader, unless that was told last.
func (o *observer) tell(leader *logv1.KeyValue, at int64) error {
	if leader.GetModRevision() == o.told {
		return nil
	}
	o.told = leader.GetModRevision()
	if err := o.send(&v3electionpb.LeaderResponse{Header: o.header(o.where.Shard, at), Kv: keyValue(leader)}); err != nil {
		return brokenStream{err}
	}
	return nil
}
