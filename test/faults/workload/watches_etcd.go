package workload

import (
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/conclavehq/conclave/test/faults/history"
)

// followEtcd watches with etcd's client until it ends, and returns why.
func (w *watching) followEtcd() error {
	watch := w.client.etcd.Watch(w.ctx, w.r.Key, w.etcdOptions()...)
	var ask <-chan time.Time
	if w.every > 0 {
		ticker := time.NewTicker(w.every)
		defer ticker.Stop()
		ask = ticker.C
	}
	for {
		select {
		case <-ask:
			_ = w.client.etcd.RequestProgress(w.ctx) // asked again soon
		case res, ok := <-watch:
			if !ok {
				return w.ctx.Err()
			}
			if err := res.Err(); err != nil {
				w.compacted(res.CompactRevision)
				return err
			}
			w.take(&res)
		}
	}
}

// take records a response. The events of a revision are never in two of them,
// because fragments were not asked for.
func (w *watching) take(res *clientv3.WatchResponse) {
	switch {
	case res.Created:
		// The client may ask again from this very revision when it reconnects.
		w.beginsAfter(res.Header.Revision - 1)
		return
	case res.IsProgressNotify():
		w.progress(res.Header.Revision)
		return
	}
	for _, event := range res.Events {
		e := history.Event{Delete: event.Type == clientv3.EventTypeDelete, KV: etcdKVOf(event.Kv)}
		if event.PrevKv != nil {
			previous := etcdKVOf(event.PrevKv)
			e.Previous = &previous
		}
		w.event(event.Kv.ModRevision, e)
	}
	w.flush()
}

func (w *watching) etcdOptions() []clientv3.OpOption {
	opts := []clientv3.OpOption{clientv3.WithCreatedNotify()}
	if w.r.End != "" {
		opts = append(opts, clientv3.WithRange(w.r.End))
	}
	if w.r.From > 0 {
		opts = append(opts, clientv3.WithRev(w.r.From))
	}
	if w.r.Filter&history.NoPuts != 0 {
		opts = append(opts, clientv3.WithFilterPut())
	}
	if w.r.Filter&history.NoDeletes != 0 {
		opts = append(opts, clientv3.WithFilterDelete())
	}
	if w.r.Previous {
		opts = append(opts, clientv3.WithPrevKV())
	}
	return opts
}
