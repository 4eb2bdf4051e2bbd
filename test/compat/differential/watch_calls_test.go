package differential

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/mvccpb"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"
)

// Watches of the test's own. Their ids are far from those that servers choose
// and scripts use.
const (
	barrierWatch = int64(1) << 30
	probeWatch   = barrierWatch + 1
	expiryWatch  = barrierWatch + 2
)

// barrierKey is written by barriers. Ranges of a script may cover it.
var barrierKey = []byte("\x00barrier")

// openStreams opens the streams of a script, each with its barrier watch.
func (s *side) openStreams(n int) error {
	for range n {
		w, err := openWatchStream(s.ctx, s)
		if err != nil {
			return err
		}
		s.streams = append(s.streams, w)
		if err := s.watchBarrier(w); err != nil {
			return err
		}
	}
	return nil
}

func (s *side) watchBarrier(w *watchStream) error {
	a := s.create(w, &pb.WatchCreateRequest{Key: barrierKey, WatchId: barrierWatch})
	if m, ok := a.message.(*pb.WatchResponse); !ok || m.GetCanceled() {
		return fmt.Errorf("the barrier watch was not created: %s", a)
	}
	return nil
}

// watch sends a request on a stream and waits for its answer, if one is due.
func (s *side) watch(o operation, r *pb.WatchRequest) answer {
	w := s.streams[o.stream]
	switch union := r.GetRequestUnion().(type) {
	case *pb.WatchRequest_CreateRequest:
		return s.createAll(w, union.CreateRequest, max(1, o.times))
	case *pb.WatchRequest_CancelRequest:
		return s.cancel(w, union.CancelRequest.GetWatchId())
	case *pb.WatchRequest_ProgressRequest:
		// The answer comes when it comes. But it is about now: a request that follows
		// is answered when this one has been handled.
		if err := w.client.Send(r); err != nil {
			return answered(nil, err)
		}
		s.create(w, &pb.WatchCreateRequest{Key: barrierKey, WatchId: probeWatch})
		s.cancel(w, probeWatch)
		return answer{}
	default: // nonsense, which is ignored
		return answered(nil, w.client.Send(r))
	}
}

// live is how many watches may still be sent events.
func (w *watchStream) live() int {
	n := 0
	for _, at := range w.watches {
		if !at.over {
			n++
		}
	}
	return n
}

func (s *side) create(w *watchStream, r *pb.WatchCreateRequest) answer {
	return s.createAll(w, r, 1)
}

// createAll asks for a watch several times and waits for the answers, so that
// what happens next comes after them. It returns the first; all are compared with
// what the watches are sent.
func (s *side) createAll(w *watchStream, r *pb.WatchCreateRequest, times int) answer {
	all := slices.Repeat([]*pb.WatchRequest{{
		RequestUnion: &pb.WatchRequest_CreateRequest{CreateRequest: r},
	}}, times)
	w.asked = append(w.asked, slices.Repeat([]*pb.WatchCreateRequest{r}, times)...)
	return s.control(w, all...)
}

// cancel waits for the answer if there is such a watch; else there is none.
func (s *side) cancel(w *watchStream, id int64) answer {
	r := &pb.WatchRequest{RequestUnion: &pb.WatchRequest_CancelRequest{CancelRequest: &pb.WatchCancelRequest{WatchId: id}}}
	if w.watches[id] == nil {
		return answered(nil, w.client.Send(r))
	}
	a := s.control(w, r)
	delete(w.watches, id)
	return a
}

// control sends requests that are answered.
func (s *side) control(w *watchStream, all ...*pb.WatchRequest) answer {
	before := len(w.controls)
	for _, r := range all {
		if err := w.client.Send(r); err != nil {
			return answered(nil, err)
		}
	}
	if err := w.await(s, func() bool { return len(w.controls) >= before+len(all) }); err != nil {
		return s.unanswered(err)
	}
	return answer{message: proto.CloneOf(w.controls[before])}
}

func (s *side) unanswered(err error) answer {
	if errors.Is(err, errLate) {
		return answer{code: codes.DeadlineExceeded, problem: fmt.Sprintf("%s, which is %s", errLate, s.patience)}
	}
	return answered(nil, err)
}

// barrier waits until everything up to a revision has arrived that wrote the
// barrier key. Events of one stream are sent in the order of their revisions,
// but for watches that see the same revision, so those that see the barrier too
// are waited for themselves.
func (s *side) barrier(revision int64) error {
	for i, w := range s.streams {
		err := w.await(s, func() bool { return w.passed(revision) })
		if err != nil {
			return fmt.Errorf("%s, stream %d, barrier of revision %d: %w", s.name, i, revision, err)
		}
	}
	return nil
}

func (w *watchStream) passed(revision int64) bool {
	if w.watches[barrierWatch].seen < revision {
		return false
	}
	for _, at := range w.watches {
		if !at.over && at.seen < revision && seesBarrier(at.WatchCreateRequest, revision) {
			return false
		}
	}
	return true
}

// seesBarrier tells whether a watch is sent a put of the barrier key.
func seesBarrier(r *pb.WatchCreateRequest, revision int64) bool {
	if r.GetStartRevision() > revision || slices.Contains(r.GetFilters(), pb.WatchCreateRequest_NOPUT) {
		return false
	}
	key, end := r.GetKey(), r.GetRangeEnd()
	if len(key) == 0 {
		key = []byte{0}
	}
	return covers(key, end, barrierKey)
}

// probe waits until watches that begin in the past have caught up: etcd looks
// after all of these together, ten times a second, so when one that began later
// has its event, the others have been looked after.
func (s *side) probe(revision int64) error {
	w := s.streams[0]
	a := s.create(w, &pb.WatchCreateRequest{Key: barrierKey, StartRevision: revision, WatchId: probeWatch})
	if m, ok := a.message.(*pb.WatchResponse); !ok || m.GetCanceled() {
		return fmt.Errorf("%s: the probe was not created: %s", s.name, a)
	}
	if err := w.await(s, func() bool { return w.watches[probeWatch].seen >= revision }); err != nil {
		return fmt.Errorf("%s: the probe saw nothing: %w", s.name, err)
	}
	s.cancel(w, probeWatch)
	return nil
}

// expiry waits until a lease has expired and taken its keys along.
func (s *side) expiry(lease int64, keys []string) answer {
	w := s.streams[0]
	a := s.create(w, &pb.WatchCreateRequest{Key: []byte(keys[0]), WatchId: expiryWatch})
	if a.code != codes.OK {
		return a
	}
	ctx, cancel := context.WithTimeout(s.ctx, s.patience)
	defer cancel()
	txn := &pb.TxnRequest{}
	for _, key := range keys {
		txn.Success = append(txn.Success, &pb.RequestOp{Request: &pb.RequestOp_RequestPut{
			RequestPut: &pb.PutRequest{Key: []byte(key), Lease: lease},
		}})
	}
	put := answered(s.kv.Txn(ctx, txn))
	if put.code != codes.OK {
		return put
	}
	deleted := func() bool {
		items := w.items[expiryWatch]
		return len(items) > 0 && slices.ContainsFunc(items[len(items)-1].GetEvents(), func(e *mvccpb.Event) bool {
			return e.GetType() == mvccpb.Event_DELETE
		})
	}
	if err := w.await(s, deleted); err != nil {
		return s.unanswered(err)
	}
	if early := time.Until(s.expiries[lease].earliest); early > 0 {
		return answer{code: codes.Internal, problem: fmt.Sprintf("the lease expired %s before its time", early)}
	}
	s.cancel(w, expiryWatch)
	return put
}
