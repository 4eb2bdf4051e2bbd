package etcdv2

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/http"

	"github.com/conclavehq/conclave/cluster"
	logv1 "github.com/conclavehq/conclave/proto/gen/conclave/log/v1"
	"github.com/conclavehq/conclave/statemachine/feed"
)

// wait answers a GET with wait=true: with the next change, or with all that come
// if it is a stream. It begins its answer at once, and ends when the server
// drains, which clients take for a wait that has to be begun again.
func (s *Server) wait(w http.ResponseWriter, r *http.Request, req *request) {
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	defer context.AfterFunc(s.draining, cancel)()
	if s.draining.Err() != nil {
		s.explain(ctx, cluster.ErrStopped).write(w)
		return
	}
	in, index, watcher, err := s.watch(ctx, req)
	if err != nil {
		s.explain(ctx, err).write(w)
		return
	}
	defer watcher.Close()
	known, err := history(watcher, int64(min(req.waitIndex, math.MaxInt64)), index)
	if err != nil {
		s.explain(ctx, err).write(w)
		return
	}
	s.head(w, in, index)
	out := http.NewResponseController(w)
	if err := out.Flush(); err != nil {
		return
	}
	t := &teller{space: in, path: req.path, recursive: req.recursive}
	for changes := known; ; {
		events, err := t.tell(ctx, changes)
		if err != nil {
			return
		}
		for _, e := range events {
			if json.NewEncoder(w).Encode(e) != nil || !req.stream || out.Flush() != nil {
				return
			}
		}
		batch, err := watcher.Next(ctx)
		if err != nil {
			return
		}
		changes = batch.Events
	}
}

// watch begins a watch of what is at a path and below it, and returns the index
// at which it began.
func (s *Server) watch(ctx context.Context, req *request) (*space, int64, *feed.Watcher, error) {
	bounded, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	in, err := s.space(bounded)
	if err != nil {
		return nil, 0, nil, err
	}
	how := linearizable // this node may be behind what the caller has seen elsewhere
	if req.waitIndex > 0 {
		how = local
	}
	answer, err := in.ask(bounded, how, rangeQuery(one("\x00")))
	if err != nil {
		return nil, 0, nil, err
	}
	from := int64(min(req.waitIndex, math.MaxInt64))
	if from == 0 {
		from = answer.GetRevision() + 1
	}
	watcher, err := s.config.Cluster.Watch(in.where.Shard, feed.WatchRequest{
		Namespace: in.where.ID, Key: []byte(req.path), RangeEnd: []byte(dirEnd(req.path)),
		StartRevision: from, PrevKV: true,
	})
	return in, answer.GetRevision(), watcher, err
}

// history is the changes that there are already. It fails if they are forgotten.
func history(watcher *feed.Watcher, from, index int64) ([]*logv1.KVEvent, error) {
	if from == 0 || from > index {
		return nil, nil
	}
	batch, _, err := watcher.CatchUp()
	var compacted *feed.CompactedError
	if errors.As(err, &compacted) {
		return nil, fail(codeIndexCleared,
			fmt.Sprintf("the requested history has been cleared [%d/%d]", compacted.Revision, from), index)
	}
	return batch.Events, err
}
