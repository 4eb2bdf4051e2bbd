package etcd

import (
	"context"
	"errors"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/conclavehq/conclave/cluster"
	logv1 "github.com/conclavehq/conclave/proto/gen/conclave/log/v1"
	"github.com/conclavehq/conclave/statemachine/feed"
)

// errDraining is the cause of a context that Drain ended.
var errDraining = errors.New("etcd: draining")

// refusals are the errors of etcd that say what a rule refused. Clients match
// on their texts.
var refusals = map[logv1.Reason]error{
	logv1.Reason_REASON_COMPACTED:           rpctypes.ErrGRPCCompacted,
	logv1.Reason_REASON_FUTURE_REVISION:     rpctypes.ErrGRPCFutureRev,
	logv1.Reason_REASON_KEY_NOT_FOUND:       rpctypes.ErrGRPCKeyNotFound,
	logv1.Reason_REASON_DUPLICATE_KEY:       rpctypes.ErrGRPCDuplicateKey,
	logv1.Reason_REASON_TOO_MANY_OPERATIONS: rpctypes.ErrGRPCTooManyOps,
	logv1.Reason_REASON_LEASE_NOT_FOUND:     rpctypes.ErrGRPCLeaseNotFound,
	logv1.Reason_REASON_LEASE_EXISTS:        rpctypes.ErrGRPCLeaseExist,
	// An answer that is too large; etcd has no such bound and no word for it.
	logv1.Reason_REASON_TOO_MANY:            rpctypes.ErrGRPCRequestTooLarge,
	logv1.Reason_REASON_NODE_NOT_FOUND:      rpctypes.ErrGRPCMemberNotFound,
	logv1.Reason_REASON_NAMESPACE_NOT_FOUND: status.Error(codes.FailedPrecondition, "conclave: the namespace that this server shows to etcd clients does not exist; create it, or start the server with another --etcd-namespace"),
}

// uncoded takes the code off an error that etcd's clients know by its text. etcd
// serves locks and elections with a client of its own, whose errors have none.
// Only the code that says to try elsewhere stays.
func uncoded(err *error) {
	if status.Code(*err) == codes.Unavailable {
		return
	}
	if known, ok := errors.AsType[rpctypes.EtcdError](rpctypes.Error(*err)); ok {
		*err = status.Error(codes.Unknown, known.Error())
	}
}

// refused is the error for a refusal.
func refused(refusal *logv1.Refusal) error {
	if err, known := refusals[refusal.GetReason()]; known {
		return err
	}
	return status.Error(codes.Internal, "conclave: "+refusal.GetDetail())
}

// answered is the error of a question that was asked, or of its refusal.
func (s *Server) answered(ctx context.Context, answer *logv1.Answer, err error) error {
	switch {
	case err != nil:
		return s.explain(ctx, err)
	case answer.GetRefusal() != nil:
		return refused(answer.GetRefusal())
	}
	return nil
}

// decided is the error of a command that was proposed, or of its refusal.
func (s *Server) decided(ctx context.Context, result *logv1.Result, err error) error {
	switch {
	case err != nil:
		return s.explain(ctx, err)
	case result.GetRefusal() != nil:
		return refused(result.GetRefusal())
	}
	return nil
}

// explain puts an error in etcd's terms. What it does not know is told to the
// log only.
func (s *Server) explain(ctx context.Context, err error) error {
	var known *cluster.RefusedError
	if errors.As(err, &known) {
		return refused(known.Refusal)
	}
	if _, told := status.FromError(err); told {
		return err
	}
	if cause := context.Cause(ctx); cause != nil {
		if _, told := status.FromError(cause); told {
			return cause // why a stream was ended
		}
	}
	switch {
	case errors.Is(context.Cause(ctx), errDraining), errors.Is(err, cluster.ErrStopped), errors.Is(err, feed.ErrClosed):
		return rpctypes.ErrGRPCStopped
	case errors.Is(err, feed.ErrNamespaceDropped):
		return refusals[logv1.Reason_REASON_NAMESPACE_NOT_FOUND]
	case errors.Is(ctx.Err(), context.Canceled):
		return status.Error(codes.Canceled, context.Canceled.Error())
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		return status.Error(codes.DeadlineExceeded, context.DeadlineExceeded.Error())
	case errors.Is(err, cluster.ErrNoLeader):
		return rpctypes.ErrGRPCNoLeader
	case errors.Is(err, cluster.ErrOutcomeUnknown):
		return rpctypes.ErrGRPCTimeoutDueToLeaderFail
	case errors.Is(err, cluster.ErrUnavailable):
		return rpctypes.ErrGRPCTimeout
	case errors.Is(err, cluster.ErrOverloaded):
		return rpctypes.ErrGRPCRequestTooManyRequests
	case errors.Is(err, cluster.ErrNoSpace):
		return rpctypes.ErrGRPCNoSpace
	case errors.Is(err, cluster.ErrTooLarge):
		return rpctypes.ErrGRPCRequestTooLarge
	}
	s.config.Log.Error().Err(err).Msg("a call of etcd's API failed in a way that was not expected")
	return status.Error(codes.Internal, "conclave: the server failed in a way that it did not expect; its log says how")
}
