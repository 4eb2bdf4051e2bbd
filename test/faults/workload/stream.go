package workload

import (
	"cmp"
	"context"
	"errors"
	"iter"
	"sync/atomic"

	conclave "github.com/conclavehq/conclave/sdk"
	"github.com/conclavehq/conclave/test/faults/history"
)

// stream records what one watcher is told. A revision is recorded when it is sure
// that it is whole: when a later one or progress was told. What was told in part
// when the stream ended is left out, as if it had not arrived.
type stream struct {
	ctx     context.Context
	client  *client
	watcher int32
	last    atomic.Int64    // everything up to here was recorded
	pending *history.Record // events of the newest revision
	opening *history.Record // not recorded yet: it is still to be told when the watch begins
	forgot  int64           // when it ended because of a compaction: the first revision that was not
	deletes *deletions      // told what is deleted; nil for most
}

// stream makes the watcher of a client that lives as long as ctx.
func (c *client) stream(ctx context.Context) *stream {
	return &stream{ctx: ctx, client: c, watcher: c.load.streams.Add(1)}
}

// opened records that the watch begins, with what r says of it. Of one that begins
// now that is not known before something is told.
func (s *stream) opened(r history.Record) {
	s.pending = nil
	now := s.client.load.history.Now()
	r.Call, s.opening = now, &r
	if r.From > 0 {
		s.beginsAfter(0)
	}
}

// beginsAfter records that the watch begins later than a revision; 0 is not known.
func (s *stream) beginsAfter(revision int64) {
	if s.opening == nil {
		return
	}
	r := *s.opening
	s.opening = nil
	if r.From == 0 {
		r.Revision = revision
	}
	s.add(history.WatchOpened, r)
}

// compacted notes what the end of the watch has told.
func (s *stream) compacted(revision int64) { s.forgot = revision }

// closed records that the watch ended.
func (s *stream) closed(err error) {
	s.beginsAfter(0)
	s.pending = nil
	r := history.Record{Reason: "CANCELED", Revision: s.forgot}
	if s.ctx.Err() == nil {
		_, r.Reason = judge(err)
		r.Reason = cmp.Or(r.Reason, "ENDED")
	}
	if e, ok := errors.AsType[*conclave.Error](err); ok && r.Reason == "COMPACTED" {
		r.Revision = int64(e.Revision)
	}
	s.add(history.WatchEnded, r)
}

func (s *stream) add(kind history.Kind, r history.Record) {
	now := s.client.load.history.Now()
	c := s.client
	r.Client, r.Workload, r.Kind, r.Via, r.Node, r.Namespace = c.number, history.Watches, kind, c.via, c.node, c.namespace
	r.Watcher, r.Return = s.watcher, now
	if kind != history.WatchOpened {
		r.Call = now
	}
	c.load.history.Add(r)
}

// follow records what an SDK watch tells until it ends, and returns why.
func (s *stream) follow(watch iter.Seq2[conclave.Event, error]) error {
	for event, err := range watch {
		switch {
		case err != nil:
			return err
		case event.Type == conclave.EventProgress:
			s.progress(int64(event.Revision))
		default:
			s.event(int64(event.Revision), eventOf(event))
		}
	}
	return nil
}

// event takes one event.
func (s *stream) event(revision int64, e history.Event) {
	s.beginsAfter(0)
	if s.pending != nil && s.pending.Revision != revision {
		s.flush()
	}
	if s.pending == nil {
		s.pending = &history.Record{Revision: revision}
	}
	s.pending.Events = append(s.pending.Events, e)
}

// flush records the newest revision, which is whole.
func (s *stream) flush() {
	if s.pending == nil {
		return
	}
	s.add(history.WatchEvent, *s.pending)
	if s.deletes != nil {
		s.deletes.note(s.pending.Revision, s.pending.Events)
	}
	raise(&s.last, s.pending.Revision)
	s.pending = nil
}

// progress takes the word that all up to a revision was told.
func (s *stream) progress(revision int64) {
	s.beginsAfter(revision)
	if s.pending != nil && revision >= s.pending.Revision {
		s.flush()
	}
	s.add(history.WatchProgress, history.Record{Revision: revision})
	raise(&s.last, revision)
}

func eventOf(e conclave.Event) history.Event {
	out := history.Event{Delete: e.Type == conclave.EventDelete, KV: kvOf(e.KV)}
	if e.Previous != nil {
		previous := kvOf(*e.Previous)
		out.Previous = &previous
	}
	return out
}

func kvOf(kv conclave.KV) history.KV {
	return history.KV{Key: kv.Key, Value: string(kv.Value), Created: int64(kv.Created), Modified: int64(kv.Modified),
		Version: kv.Version, Lease: int64(kv.Lease)}
}
