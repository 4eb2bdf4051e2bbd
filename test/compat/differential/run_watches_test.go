package differential

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"google.golang.org/protobuf/proto"
)

// settle waits until all watches have caught up and all that they saw is
// compared.
func (r *run) settle() error {
	for ; r.behind > 0 && !r.over(); r.behind-- {
		if !r.writeBarrier() {
			return nil
		}
		var errs [2]error
		r.each(func(i int, s *side) { errs[i] = s.probe(r.head) })
		if errs[0] != nil {
			return errs[0]
		}
		if errs[1] != nil {
			r.found = &difference{what: "a watch that begins in the past", answers: [2]string{"sees its event", errs[1].Error()}}
		}
	}
	if r.over() {
		return nil
	}
	return r.barrier()
}

func (r *run) writeBarrier() (same bool) {
	r.unheard = 0
	return r.own(operation{request: &pb.PutRequest{Key: barrierKey}})
}

// barrier waits until all that has happened has been told to all watches, and
// compares what they were told.
func (r *run) barrier() error {
	if !r.writeBarrier() {
		return nil
	}
	if err := r.sides[0].barrier(r.head); err != nil {
		return err
	}
	r.compareWatches()
	return nil
}

// compareWatches compares all that arrived. The first side has everything that
// is certain; for the rest either side may take its time.
func (r *run) compareWatches() {
	late := time.NewTimer(r.sides[1].patience)
	defer late.Stop()
	for stream := range r.sides[0].streams {
		r.compareStream(stream, late.C)
		if r.found != nil {
			return
		}
	}
}

func (r *run) compareStream(stream int, late <-chan time.Time) {
	first, second := r.sides[0].streams[stream], r.sides[1].streams[stream]
	for {
		ended := errors.Join(first.takeIn(r.sides[0]), second.takeIn(r.sides[1]))
		r.compareItems(stream)
		switch {
		case r.found != nil || len(first.items) == 0 && len(second.items) == 0:
			return
		case ended != nil:
			r.missing(stream, ended)
			return
		}
		select {
		case <-first.news:
		case <-second.news:
		case <-r.ctx.Done():
			return
		case <-late:
			r.missing(stream, errLate)
			return
		}
	}
}

// compareItems drops what both systems have sent.
func (r *run) compareItems(stream int) {
	first, second := r.sides[0].streams[stream], r.sides[1].streams[stream]
	for _, id := range watchIDs(first, second) {
		n := min(len(first.items[id]), len(second.items[id]))
		for i := range n {
			if !proto.Equal(first.items[id][i], second.items[id][i]) {
				r.found = &difference{
					what:    fmt.Sprintf("what watch %d of stream %d was sent differs", id, stream),
					answers: [2]string{sent(first.items[id][i:]), sent(second.items[id][i:])},
				}
				return
			}
		}
		first.drop(id, n)
		second.drop(id, n)
	}
}

func (w *watchStream) drop(id int64, n int) {
	w.items[id] = w.items[id][n:]
	if len(w.items[id]) == 0 {
		delete(w.items, id)
	}
}

// missing says what one system sent and the other did not.
func (r *run) missing(stream int, err error) {
	first, second := r.sides[0].streams[stream], r.sides[1].streams[stream]
	id := watchIDs(first, second)[0]
	r.found = &difference{
		what:    fmt.Sprintf("what watch %d of stream %d was sent differs (%s)", id, stream, err),
		answers: [2]string{sent(first.items[id]), sent(second.items[id])},
	}
}

func watchIDs(first, second *watchStream) []int64 {
	ids := maps.Clone(first.items)
	maps.Copy(ids, second.items)
	return slices.Sorted(maps.Keys(ids))
}

// sent is the beginning of what a watch was sent.
func sent(items []*pb.WatchResponse) string {
	if len(items) == 0 {
		return "nothing more"
	}
	line := "{" + text(items[0]) + "}"
	if len(items) > 1 {
		line += fmt.Sprintf(" and %d more", len(items)-1)
	}
	return line
}
