package etcdsource

import (
	"context"
	"errors"
	"fmt"
	"time"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"google.golang.org/grpc/metadata"

	"github.com/conclavehq/conclave/internal/migrate"
)

const (
	// askEvery is how often it is asked how far the watch is.
	askEvery = time.Second
	// newsAtOnce is how many revisions are told together.
	newsAtOnce = 1000
)

// errTold wraps what tell returned, so that it is not taken for a failure of etcd.
type errTold struct{ err error }

func (e errTold) Error() string { return e.err.Error() }

// Changes tells what was changed after a revision. When a stream breaks it goes on
// with the next member, after the last revision that was told.
func (e *Etcd) Changes(ctx context.Context, after int64, tell func(migrate.News) error) error {
	var p pause
	told, noted := after, false
	for {
		m := e.pick()
		before := told
		err := e.follow(ctx, m, told, func(news migrate.News) error {
			if err := tell(news); err != nil {
				return errTold{err}
			}
			if n := len(news.Revisions); n > 0 {
				told = int64(news.Revisions[n-1].Revision)
			}
			told = max(told, news.Through)
			return nil
		})
		var ended errTold
		switch {
		case errors.As(err, &ended):
			return ended.err
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case isCompacted(err), !passing(err) && !errors.Is(err, errBroken):
			return e.explain(ctx, m, err)
		}
		e.leave(m)
		if told > before {
			p, noted = pause{}, false
		} else if p.last >= time.Second/2 && !noted {
			noted = true
			e.config.Note(fmt.Sprintf("%v; it is tried again until it answers", e.explain(ctx, m, err)))
		}
		if err := tell(migrate.News{}); err != nil {
			return err
		}
		if !p.sleep(ctx) {
			return context.Cause(ctx)
		}
	}
}

// errBroken says that a stream ended without a reason that tells anything.
var errBroken = errors.New("the watch ended")

// follow watches at one member.
func (e *Etcd) follow(ctx context.Context, m *member, after int64, tell func(migrate.News) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	authorized, err := e.authorizedStream(ctx, m)
	if err != nil {
		return err
	}
	// A member that has lost its leader would be silent for ever; so it hangs up.
	stream, err := m.watch.Watch(metadata.AppendToOutgoingContext(authorized, "hasleader", "true"))
	if err != nil {
		return err
	}
	key, end := e.bounds("")
	err = stream.Send(&pb.WatchRequest{RequestUnion: &pb.WatchRequest_CreateRequest{CreateRequest: &pb.WatchCreateRequest{
		Key: key, RangeEnd: end, StartRevision: after + 1, Fragment: true,
	}}})
	if err != nil {
		return errBroken
	}
	w := &watching{etcd: e, member: m, after: after, responses: make(chan *pb.WatchResponse, 64), failed: make(chan error, 1)}
	go w.receive(ctx, stream)
	return w.run(ctx, stream, tell)
}

// watching is one stream.
type watching struct {
	etcd   *Etcd
	member *member
	after  int64
	// responses are those that have arrived; failed is why no more do.
	responses chan *pb.WatchResponse
	failed    chan error
	gathered  gathering
}

// receive takes responses off the stream until it ends.
func (w *watching) receive(ctx context.Context, stream pb.Watch_WatchClient) {
	for {
		res, err := stream.Recv()
		if err != nil {
			w.failed <- err
			return
		}
		select {
		case w.responses <- res:
		case <-ctx.Done():
			w.failed <- ctx.Err()
			return
		}
	}
}

// run tells what arrives, as much at once as there is, and asks how far the watch is.
func (w *watching) run(ctx context.Context, stream pb.Watch_WatchClient, tell func(migrate.News) error) error {
	tick := time.NewTicker(askEvery)
	defer tick.Stop()
	for {
		select {
		case res := <-w.responses:
			if err := w.take(res); err != nil {
				return err
			}
		case <-tick.C:
			ask := &pb.WatchRequest{RequestUnion: &pb.WatchRequest_ProgressRequest{ProgressRequest: &pb.WatchProgressRequest{}}}
			if err := stream.Send(ask); err != nil {
				return w.why(ctx)
			}
			if err := tell(migrate.News{}); err != nil {
				return err
			}
		case err := <-w.failed:
			return w.ended(err)
		case <-ctx.Done():
			return ctx.Err()
		}
		for more := true; more && w.gathered.count() < newsAtOnce; {
			select {
			case res := <-w.responses:
				if err := w.take(res); err != nil {
					return err
				}
			default:
				more = false
			}
		}
		if news, ok := w.gathered.news(); ok {
			if w.etcd.config.Span == (migrate.Span{}) {
				news.Through = 0 // each revision is told, so its own word is not needed
			}
			if err := tell(news); err != nil {
				return err
			}
		}
	}
}

// why is the reason for which the stream ended, which Send does not tell.
func (w *watching) why(ctx context.Context) error {
	select {
	case err := <-w.failed:
		return w.ended(err)
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(askEvery):
		return errBroken
	}
}

func (w *watching) ended(err error) error {
	if w.etcd.outdated(err) {
		w.etcd.forgetToken()
		return errBroken
	}
	return err
}

// take looks at one response.
func (w *watching) take(res *pb.WatchResponse) error {
	switch {
	case res.GetCompactRevision() > 0:
		return &migrate.CompactedError{Asked: w.after + 1, First: res.GetCompactRevision()}
	case res.GetCanceled():
		return w.canceled(res.GetCancelReason())
	}
	if err := w.etcd.sameCluster(w.member, res.GetHeader()); err != nil {
		return err
	}
	return w.gathered.add(res)
}

// canceled is a watch that etcd does not want to go on with. The reason is a text.
func (w *watching) canceled(reason string) error {
	switch err := errors.New(reason); {
	case reason == "":
		return errBroken
	case w.etcd.outdated(err):
		w.etcd.forgetToken()
		return errBroken
	default:
		return err
	}
}
