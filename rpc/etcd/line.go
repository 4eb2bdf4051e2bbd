package etcd

import (
	"context"
	"errors"
	"fmt"
	"time"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"

	"github.com/conclavehq/conclave/cluster"
	logv1 "github.com/conclavehq/conclave/proto/gen/conclave/log/v1"
)

// A lock and an election of etcd are a line of keys: all that begin with the name
// and a slash, in the order of their creation. The first one holds the lock, or
// leads. A key is named for the lease with which it ends. Clients make and read
// these keys too, so that is how it is here.
//
//	join ──▶ waiting ──the key before is deleted──▶ is there another before? ──▶ first
//	            │
//	            └─ the caller goes, the server drains ──▶ withdraw

const (
	// sessionTTL is that of the lease of a caller who brings none, in seconds.
	sessionTTL = 60
	// joinAttempts is how often it is tried to find out whether a place was taken.
	joinAttempts = 3
	// withdrawTimeout is that of an attempt to give a place back, and
	// withdrawPause how long to wait before the next one.
	withdrawTimeout = 2 * time.Second
	withdrawPause   = 100 * time.Millisecond
)

// place is a key in a line.
type place struct {
	*Server
	where cluster.Namespace
	// prefix is what the keys of the line begin with, and key the place's own.
	prefix, key string
	lease       int64
	// granted says that the lease was made for this call.
	granted bool

	// created is the key's create revision, 0 while there is none.
	created int64
	// seen is a revision at which the key was there, and index a log index by then.
	seen  int64
	index uint64
	// first says that no key was before it then.
	first bool
	// found says that the session had the place already, with that value.
	found bool
	value []byte
}

// join takes a place in a line. One that the session has already it keeps. The
// caller withdraws it when it cannot be waited for.
func (s *Server) join(ctx context.Context, name, value []byte, lease int64) (*place, error) {
	where, err := s.where(ctx)
	if err != nil {
		return nil, s.explain(ctx, err)
	}
	p := &place{Server: s, where: where, prefix: linePrefix(name), lease: lease}
	// This goes on if the caller goes meanwhile, so that it is known whether there
	// is a place to give back.
	taking := context.WithoutCancel(ctx)
	if lease == 0 {
		grant, err := leaseServer{Server: s}.LeaseGrant(taking, &pb.LeaseGrantRequest{TTL: sessionTTL})
		if err != nil {
			return nil, err
		}
		p.lease, p.granted = grant.GetID(), true
	}
	p.key = fmt.Sprintf("%s%x", p.prefix, p.lease)
	if err := p.take(taking, value); err != nil {
		p.withdraw(err)
		return nil, err
	}
	return p, nil
}

// take makes the key, unless it is there.
func (p *place) take(ctx context.Context, value []byte) error {
	head := firstInLine(p.prefix)
	head.KeysOnly = true
	first := &logv1.TxnOp{Op: &logv1.TxnOp_Range{Range: head}}
	command := &logv1.Command{NamespaceId: p.where.ID, Body: &logv1.Command_Txn{Txn: &logv1.Txn{
		Compares: []*logv1.Compare{createdAt(p.key, 0)},
		Success: []*logv1.TxnOp{first, {Op: &logv1.TxnOp_Put{
			Put: &logv1.Put{Key: []byte(p.key), Value: value, LeaseId: p.lease},
		}}},
		Failure: []*logv1.TxnOp{first, {Op: &logv1.TxnOp_Range{Range: &logv1.Range{Key: []byte(p.key)}}}},
	}}}
	var (
		result *logv1.Result
		err    error
	)
	for range joinAttempts {
		// If it was applied although that is not known, the key is found next time.
		if result, err = p.cluster.Propose(ctx, p.where.Shard, command); !errors.Is(err, cluster.ErrOutcomeUnknown) {
			break
		}
	}
	if err := p.decided(ctx, result, err); err != nil {
		return err
	}
	p.created, p.seen, p.index = result.GetRevision(), result.GetRevision(), result.GetIndex()
	results := result.GetTxn().GetResults()
	if !result.GetTxn().GetSucceeded() {
		kv := results[1].GetRange().GetKvs()[0]
		p.found, p.value, p.created = true, kv.GetValue(), kv.GetCreateRevision()
	}
	before := results[0].GetRange().GetKvs()
	p.first = len(before) == 0 || before[0].GetCreateRevision() == p.created
	return nil
}

// withdraw gives a place back that the caller does not get, for a reason, also when
// nobody waits for that any more: else a session that goes on would hold a lock of
// which it does not know. Without a majority that takes until there is one, or
// until the server ends.
func (p *place) withdraw(why error) {
	command := &logv1.Command{NamespaceId: p.where.ID}
	switch {
	case p.granted:
		command.Body = &logv1.Command_RevokeLease{RevokeLease: &logv1.RevokeLease{LeaseId: p.lease}}
	case p.created == 0, errors.Is(why, errPlaceLost):
		return // there is none
	case p.found && p.first:
		return // it was the session's before this call
	default:
		command.Body = &logv1.Command_Txn{Txn: &logv1.Txn{
			Compares: []*logv1.Compare{createdAt(p.key, p.created)},
			Success:  []*logv1.TxnOp{{Op: &logv1.TxnOp_DeleteRange{DeleteRange: &logv1.DeleteRange{Key: []byte(p.key)}}}},
		}}
	}
	for {
		last := p.draining.Err() != nil
		ctx, cancel := context.WithTimeout(context.Background(), withdrawTimeout)
		_, err := p.cluster.Propose(ctx, p.where.Shard, command)
		cancel()
		if err == nil || last || errors.Is(err, cluster.ErrStopped) {
			return
		}
		pause := time.NewTimer(withdrawPause)
		select {
		case <-pause.C:
		case <-p.draining.Done():
		}
		pause.Stop()
	}
}

// linePrefix is what the keys of a line begin with.
func linePrefix(name []byte) string { return string(name) + "/" }

// lineEnd is the first key above those of a line.
func lineEnd(prefix string) []byte { return []byte(prefix[:len(prefix)-1] + "0") }

// firstInLine reads the key that was created first.
func firstInLine(prefix string) *logv1.Range {
	return &logv1.Range{
		Key: []byte(prefix), RangeEnd: lineEnd(prefix), Limit: 1, Uncounted: true,
		SortTarget: logv1.SortTarget_SORT_TARGET_CREATE_REVISION, SortOrder: logv1.SortOrder_SORT_ORDER_ASCEND,
	}
}

// createdAt compares a key's create revision; 0 is that of a key which is not there.
func createdAt(key string, revision int64) *logv1.Compare {
	return &logv1.Compare{
		Key:      []byte(key),
		Target:   logv1.CompareTarget_COMPARE_TARGET_CREATE_REVISION,
		Operator: logv1.CompareOperator_COMPARE_OPERATOR_EQUAL,
		Number:   revision,
	}
}
