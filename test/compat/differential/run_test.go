package differential

import (
	"context"
	"errors"
	"fmt"
	"time"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	"go.etcd.io/etcd/server/v3/etcdserver/api/v3election/v3electionpb"
	"go.etcd.io/etcd/server/v3/etcdserver/api/v3lock/v3lockpb"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/proto"
)

const (
	// maxWatches is how many watches a script may have on one stream. The test has
	// two of its own.
	maxWatches = 6
	// maxUnheard is how many responses may be on their way on one stream. Beyond
	// 128 etcd defers a watch, and then nobody knows when it is up to date.
	maxUnheard = 100
	// shortTTL: a lease that lives no longer than this could expire at any moment
	// of the script, so it does not stay.
	shortTTL = 60
	// grace is how soon a short lease has to be revoked for the answer to be
	// certain. The shortest lives for two seconds.
	grace = 1500 * time.Millisecond
	// revisionsPerPass is how many revisions etcd looks back at once.
	revisionsPerPass = 1000
)

// errStalled says that the oracle did not get to it: it gives up on a request
// after seven seconds, and nobody knows what became of it.
var errStalled = errors.New("etcd answered that it was not able to answer: the machine stands still")

// run is a script being carried out by two systems in lockstep.
type run struct {
	ctx   context.Context
	sides [2]*side
	steps []step
	// found is the first difference; nothing happens after it.
	found *difference
	// stalled is set when the oracle was not available. That ends the run, too.
	stalled bool
	// done counts the operations of the script that were carried out.
	done int
	// wanted counts the wanted differences that were met.
	wanted int

	head, compacted int64
	// leaders are the revisions of the keys that campaigns gave, by slot.
	leaders map[int64]int64
	// behind is how many passes it may take until all watches have caught up.
	behind int64
	// unheard is how many revisions no barrier has followed yet.
	unheard int
}

// step is an operation that was carried out. The test's own are marked.
type step struct {
	operation
	own     bool
	answers [2]answer
}

// difference is what the two systems disagree in.
type difference struct {
	what    string
	answers [2]string
}

// play runs a script on a pair of servers in lockstep. The error is about the
// test or the oracle; a difference is a result.
func play(ctx context.Context, p pair, s script) (*run, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	if s.leader {
		ctx = metadata.AppendToOutgoingContext(ctx, rpctypes.MetadataRequireLeaderKey, rpctypes.MetadataHasLeader)
	}
	r := &run{ctx: ctx, compacted: p[0].compacted, leaders: make(map[int64]int64)}
	for i := range p {
		r.sides[i] = newSide(ctx, p[i])
		defer r.sides[i].end()
		if err := r.sides[i].openStreams(s.streams); err != nil {
			return r, fmt.Errorf("%s: cannot watch: %w", p[i].name, err)
		}
	}
	r.own(operation{request: &pb.RangeRequest{Key: barrierKey}})
	for _, o := range s.operations {
		if r.over() {
			break
		}
		r.done++
		if err := r.carryOut(o); err != nil {
			return r, err
		}
	}
	if !r.over() {
		if err := r.settle(); err != nil {
			return r, err
		}
	}
	if r.stalled {
		return r, errStalled
	}
	return r, context.Cause(ctx)
}

// over says that nothing happens any more.
func (r *run) over() bool { return r.found != nil || r.stalled || r.ctx.Err() != nil }

// carryOut performs an operation, and what it takes to make its outcome certain.
func (r *run) carryOut(o operation) error {
	switch request := o.request.(type) {
	case *pb.CompactionRequest:
		if err := r.settle(); err != nil || r.over() {
			return err
		}
		if r.both(o, false) && r.answer().code == codes.OK {
			r.compacted = r.resolve(r.sides[0], request).(*pb.CompactionRequest).GetRevision()
		}
		return nil
	case *pb.LeaseGrantRequest:
		return r.grant(o)
	case *pb.RangeRequest:
		if !r.badStream(o, request) {
			return nil
		}
	case *pb.TxnRequest:
		if !writesTwice(request) {
			break
		}
		if send, err := r.refused(o, request); err != nil || !send {
			return err
		}
	case *pb.WatchRequest:
		return r.watch(o, request)
	case *v3lockpb.LockRequest:
		return r.inLine(o, request.GetName(), request.GetLease())
	case *v3electionpb.CampaignRequest:
		return r.inLine(o, request.GetName(), request.GetLease())
	}
	before := r.head
	answers := r.perform(o)
	if request, ok := o.request.(*pb.RangeRequest); ok && r.ties(o, request, answers) {
		r.wanted++
		answers[1] = answers[0]
	}
	r.compare(o, false, answers)
	if r.head > before {
		r.unheard++
	}
	return r.hearOften()
}

// hearOften sees to it that etcd never has to defer a watch.
func (r *run) hearOften() error {
	if r.unheard*(maxWatches+2) < maxUnheard {
		return nil
	}
	return r.barrier()
}

func (r *run) watch(o operation, request *pb.WatchRequest) error {
	switch union := request.GetRequestUnion().(type) {
	case *pb.WatchRequest_CreateRequest:
		if r.sides[0].streams[o.stream].live()+max(1, o.times) > maxWatches+1 {
			return nil
		}
		start := r.resolve(r.sides[0], union.CreateRequest).(*pb.WatchCreateRequest).GetStartRevision()
		if r.both(o, false) && 0 < start && start <= r.head {
			r.behind = max(r.behind, 1+(r.head-start)/revisionsPerPass)
		}
		return nil
	case *pb.WatchRequest_CancelRequest:
		// What has not arrived yet may or may not be lost.
		if err := r.settle(); err != nil || r.over() {
			return err
		}
		r.both(o, false)
		return nil
	case *pb.WatchRequest_ProgressRequest:
		// It is answered if all watches of the stream have caught up.
		if err := r.settle(); err != nil || r.over() {
			return err
		}
		if !r.both(o, false) {
			return nil
		}
		return r.barrier()
	default:
		r.both(o, false)
		return nil
	}
}

// grant does not leave leases behind that would expire at some moment.
func (r *run) grant(o operation) error {
	begun := time.Now()
	if o.expires {
		if err := r.settle(); err != nil || r.over() {
			return err
		}
	}
	if !r.both(o, false) {
		return nil
	}
	granted, ok := r.answer().message.(*pb.LeaseGrantResponse)
	if !ok || granted.GetTTL() > shortTTL {
		return nil
	}
	if o.expires {
		return r.expire(o, granted.GetID())
	}
	revoke := operation{request: &pb.LeaseRevokeRequest{ID: granted.GetID()}}
	answers := r.perform(revoke)
	if time.Since(begun) > grace {
		return nil // it may have expired on one of them
	}
	r.compare(revoke, true, answers)
	return nil
}

// expire lets a lease expire that keys are attached to.
func (r *run) expire(o operation, id int64) error {
	keys := []string{"expiring/1", "expiring/2", "expiring/3"}
	var answers [2]answer
	r.each(func(i int, s *side) {
		lease := r.resolve(s, &pb.LeaseRevokeRequest{ID: id}).(*pb.LeaseRevokeRequest).GetID()
		answers[i] = s.normalize(s.expiry(lease, keys))
	})
	if !r.compare(o, true, answers) {
		return nil
	}
	return r.barrier()
}

// both performs an operation on both systems and compares the answers.
func (r *run) both(o operation, own bool) (same bool) {
	return r.compare(o, own, r.perform(o))
}

func (r *run) own(o operation) (same bool) { return r.both(o, true) }

func (r *run) perform(o operation) (answers [2]answer) {
	r.each(func(i int, s *side) {
		answers[i] = s.normalize(s.perform(o, r.resolve(s, o.request)))
	})
	return answers
}

// each does something with both sides at once.
func (r *run) each(do func(int, *side)) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		do(1, r.sides[1])
	}()
	do(0, r.sides[0])
	<-done
}

func (r *run) compare(o operation, own bool, answers [2]answer) (same bool) {
	r.steps = append(r.steps, step{operation: o, own: own, answers: answers})
	if answers[0].code == codes.Unavailable {
		r.stalled = true
		return false
	}
	if !equal(answers[0], answers[1]) {
		r.found = &difference{what: "the answers differ", answers: [2]string{answers[0].String(), answers[1].String()}}
		return false
	}
	if m, ok := answers[0].message.(interface{ GetHeader() *pb.ResponseHeader }); ok {
		r.head = max(r.head, m.GetHeader().GetRevision())
	}
	return true
}

// answer is what the last operation was answered with.
func (r *run) answer() answer { return r.steps[len(r.steps)-1].answers[0] }

// resolve puts numbers where a request has symbols.
func (r *run) resolve(s *side, request proto.Message) proto.Message {
	request = proto.Clone(request)
	mapNumbers(request.ProtoReflect(), func(v int64) int64 {
		from, n, ok := symbol(v)
		switch {
		case !ok:
			return v
		case from == atHead:
			return r.head + n
		case from == atCompacted:
			return max(r.compacted, 0) + n
		case from == leaderSlot:
			return r.leaders[v]
		}
		if id, ok := s.granted[v]; ok {
			return id
		}
		return noSuchLease
	})
	return request
}
