package etcdv2

import (
	"context"

	"github.com/conclavehq/conclave/cluster"
	logv1 "github.com/conclavehq/conclave/proto/gen/conclave/log/v1"
)

// linearizable is how everything is read that an answer rests on, unless the
// caller asks for this node's state.
var linearizable = cluster.ReadOptions{}

// local reads what this node has applied.
var local = cluster.ReadOptions{Serializable: true}

// space is the namespace as one request works with it. One goroutine uses it,
// but for retire.
type space struct {
	cluster Cluster
	where   cluster.Namespace
	// index is the log index of what the request has done so far; it reads its
	// own writes.
	index uint64
	// leases are those that it has looked up; nil for one that is not there.
	leases map[int64]*logv1.LeaseInfo
}

// space finds the namespace that is shown.
func (s *Server) space(ctx context.Context) (*space, error) {
	where, err := s.config.Cluster.Namespace(ctx, s.config.Namespace)
	if err != nil {
		return nil, err
	}
	return &space{cluster: s.config.Cluster, where: where, leases: make(map[int64]*logv1.LeaseInfo)}, nil
}

// seen reads this node's state once it has what the request has done.
func (s *space) seen() cluster.ReadOptions {
	return cluster.ReadOptions{Serializable: true, MinIndex: s.index}
}

// propose has a command applied. A refusal is an error.
func (s *space) propose(ctx context.Context, cmd *logv1.Command) (*logv1.Result, error) {
	cmd.NamespaceId = s.where.ID
	result, err := s.cluster.Propose(ctx, s.where.Shard, cmd)
	if err == nil && result.GetRefusal() != nil {
		err = &cluster.RefusedError{Refusal: result.GetRefusal()}
	}
	return result, err
}

// ask asks a question. A refusal is an error.
func (s *space) ask(ctx context.Context, read cluster.ReadOptions, q *logv1.Query) (*logv1.Answer, error) {
	q.NamespaceId = s.where.ID
	answer, err := s.cluster.Query(ctx, s.where.Shard, read, q)
	if err == nil && answer.GetRefusal() != nil {
		err = &cluster.RefusedError{Refusal: answer.GetRefusal()}
	}
	return answer, err
}

// read reads several ranges at one moment, which it returns, too.
func (s *space) read(ctx context.Context, how cluster.ReadOptions, ranges []*logv1.Range) ([][]*logv1.KeyValue, int64, error) {
	txn := &logv1.Txn{}
	for _, r := range ranges {
		txn.Success = append(txn.Success, &logv1.TxnOp{Op: &logv1.TxnOp_Range{Range: r}})
	}
	answer, err := s.ask(ctx, how, &logv1.Query{Body: &logv1.Query_ReadTxn{ReadTxn: txn}})
	if err != nil {
		return nil, 0, err
	}
	var found [][]*logv1.KeyValue
	for _, result := range answer.GetReadTxn().GetResults() {
		found = append(found, result.GetRange().GetKvs())
	}
	return found, answer.GetRevision(), nil
}

// one reads a key.
func one(key string) *logv1.Range { return &logv1.Range{Key: []byte(key)} }

// first reads the first keys in a range, without their values.
func first(limit int64, from, end string) *logv1.Range {
	return &logv1.Range{Key: []byte(from), RangeEnd: []byte(end), Limit: limit, KeysOnly: true, Uncounted: true}
}
