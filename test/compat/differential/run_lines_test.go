package differential

import (
	"bytes"
	"context"
	"errors"
	"sync"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/server/v3/etcdserver/api/v3election/v3electionpb"
	"go.etcd.io/etcd/server/v3/etcdserver/api/v3lock/v3lockpb"
	"google.golang.org/grpc/codes"
)

// inLine carries out a call that waits for its turn. If others are ahead, they
// give up once it waits, or it does.
func (r *run) inLine(o operation, name []byte, lease int64) error {
	for _, s := range r.sides {
		// etcd begins to renew it, and may or may not have done so when it stops.
		delete(s.expiries, lease)
	}
	own := lineKey(name, lease)
	ahead, waits, err := r.ahead(append(bytes.Clone(name), '/'), own)
	switch {
	case err != nil:
		return err
	case len(ahead) == 0:
		if r.both(o, false) {
			r.elected(o)
		}
		return nil
	case waits || len(ahead) > 100:
		return nil // one cannot see it come, or not clear the way at once
	}
	ctx, withdraw := context.WithCancel(r.ctx)
	defer withdraw()
	var answers [2]answer
	var came, called sync.WaitGroup
	for i, s := range r.sides {
		returned := make(chan struct{})
		called.Go(func() {
			defer close(returned)
			answers[i] = s.normalize(s.line(ctx, o.request))
		})
		came.Go(func() { s.exists(own, true, returned) })
	}
	came.Wait()
	if o.withdraws {
		withdraw()
	} else {
		r.both(operation{request: deleteAll(ahead)}, true)
	}
	called.Wait()
	if !r.over() && r.compare(o, false, answers) && answers[0].code == codes.OK {
		r.elected(o)
	}
	if o.withdraws {
		r.each(func(_ int, s *side) { s.exists(own, false, nil) })
	}
	r.both(operation{request: &pb.RangeRequest{Key: own}}, true)
	return r.barrier()
}

// ahead are the keys in a line that are older than one's own, which may wait
// already.
func (r *run) ahead(prefix, own []byte) (keys [][]byte, waits bool, err error) {
	a := r.sides[0].perform(operation{}, &pb.RangeRequest{Key: prefix, RangeEnd: prefixEnd(prefix)})
	line, ok := a.message.(*pb.RangeResponse)
	if !ok {
		return nil, false, errors.New("cannot read a line: " + a.String())
	}
	since := r.head + 1
	for _, kv := range line.GetKvs() {
		if bytes.Equal(kv.GetKey(), own) {
			since, waits = kv.GetCreateRevision(), true
		}
	}
	for _, kv := range line.GetKvs() {
		if kv.GetCreateRevision() < since {
			keys = append(keys, kv.GetKey())
		}
	}
	return keys, waits, nil
}

func deleteAll(keys [][]byte) *pb.TxnRequest {
	txn := &pb.TxnRequest{}
	for _, key := range keys {
		txn.Success = append(txn.Success, &pb.RequestOp{Request: &pb.RequestOp_RequestDeleteRange{
			RequestDeleteRange: &pb.DeleteRangeRequest{Key: key},
		}})
	}
	return txn
}

// exists asks until a key exists, or does not, or returned is closed.
func (s *side) exists(key []byte, wanted bool, returned <-chan struct{}) {
	ctx, cancel := context.WithTimeout(s.ctx, s.patience)
	defer cancel()
	for ctx.Err() == nil {
		select {
		case <-returned:
			return
		default:
		}
		found, err := s.kv.Range(ctx, &pb.RangeRequest{Key: key, CountOnly: true})
		if err != nil || (found.GetCount() > 0) == wanted {
			return // an error is seen by what comes next
		}
	}
}

// line makes a call that may wait.
func (s *side) line(ctx context.Context, request message) answer {
	ctx, cancel := context.WithTimeout(ctx, s.patience)
	defer cancel()
	switch m := request.(type) {
	case *v3lockpb.LockRequest:
		return answered(s.lock.Lock(ctx, m))
	case *v3lockpb.UnlockRequest:
		return answered(s.lock.Unlock(ctx, m))
	case *v3electionpb.CampaignRequest:
		return answered(s.election.Campaign(ctx, m))
	case *v3electionpb.LeaderRequest:
		return answered(s.election.Leader(ctx, m))
	case *v3electionpb.ProclaimRequest:
		delete(s.expiries, m.GetLeader().GetLease())
		return answered(s.election.Proclaim(ctx, m))
	case *v3electionpb.ResignRequest:
		delete(s.expiries, m.GetLeader().GetLease())
		return answered(s.election.Resign(ctx, m))
	default:
		return answer{code: codes.Unimplemented, problem: "no method takes this"}
	}
}

// elected remembers the revision of a leader's key.
func (r *run) elected(o operation) {
	if m, ok := r.answer().message.(*v3electionpb.CampaignResponse); ok {
		r.leaders[leaderSlot+int64(o.leader)] = m.GetLeader().GetRev()
	}
}
