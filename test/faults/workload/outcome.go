package workload

import (
	"context"
	"errors"
	"strings"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	conclave "github.com/conclavehq/conclave/sdk"
	"github.com/conclavehq/conclave/test/faults/history"
)

// undecided are the reasons that say that nothing was decided; for what changes
// something: that it surely did not happen.
var undecided = map[string]bool{
	"NO_QUORUM": true, "OVERLOADED": true, "SHUTTING_DOWN": true, "UNAVAILABLE": true, "NOT_SENT": true,
}

// etcdReasons are the names that the native API has for errors of etcd's.
var etcdReasons = map[error]string{
	rpctypes.ErrCompacted:       "COMPACTED",
	rpctypes.ErrFutureRev:       "FUTURE_REVISION",
	rpctypes.ErrKeyNotFound:     "KEY_NOT_FOUND",
	rpctypes.ErrDuplicateKey:    "DUPLICATE_KEY",
	rpctypes.ErrTooManyOps:      "TOO_MANY_OPERATIONS",
	rpctypes.ErrRequestTooLarge: "TOO_LARGE",
	rpctypes.ErrLeaseNotFound:   "LEASE_NOT_FOUND",
	rpctypes.ErrLeaseExist:      "LEASE_EXISTS",
	rpctypes.ErrTooManyRequests: "OVERLOADED",
	rpctypes.ErrNoLeader:        "NO_QUORUM",
}

// judge tells what an error says about a change, and why, in the words of the
// native API. What it does not know is Unknown.
func judge(err error) (history.Outcome, string) {
	if err == nil {
		return history.OK, ""
	}
	if e, ok := errors.AsType[*conclave.Error](err); ok {
		switch e.Reason {
		case "INTERNAL", "CLOSED", "UNIMPLEMENTED":
			return history.Unknown, string(e.Reason)
		}
		if errors.Is(err, conclave.ErrOutcomeUnknown) {
			return history.Unknown, string(e.Reason)
		}
		return history.Refused, string(e.Reason)
	}
	return judgeEtcd(err)
}

// judgeEtcd judges the errors of etcd's client, and contexts that ended before the
// SDK had sent anything: it has an error of its own for all else.
func judgeEtcd(err error) (history.Outcome, string) {
	var known rpctypes.EtcdError
	if errors.As(err, &known) || errors.As(rpctypes.Error(err), &known) {
		if reason, ok := etcdReasons[known]; ok {
			return history.Refused, reason
		}
		return history.Unknown, known.Error()
	}
	if told, ok := status.FromError(err); ok {
		// Without a connection there was no request: the picker fails at once.
		if told.Code() == codes.Unavailable && strings.Contains(told.Message(), "while dialing") {
			return history.Refused, "UNAVAILABLE"
		}
		return history.Unknown, told.Code().String()
	}
	return history.Unknown, "OUTCOME_UNKNOWN"
}

// alarming reports whether an error is one that nobody may be told, whatever goes wrong
// around the service: that it failed inside, that it has lost data, or that it does not
// know a call. Of etcd's client, what the transport calls internal is not meant.
func alarming(err error) bool {
	if e, ok := errors.AsType[*conclave.Error](err); ok {
		return e.Reason == "INTERNAL" || e.Reason == "UNIMPLEMENTED"
	}
	told, ok := status.FromError(err)
	switch {
	case err == nil || !ok:
		return false
	case told.Code() == codes.Internal:
		return strings.HasPrefix(told.Message(), "conclave: ")
	}
	return told.Code() == codes.DataLoss || told.Code() == codes.Unimplemented
}

// notSent reports whether the SDK says that the context ended before anything was
// sent that could have had an effect.
func notSent(err error) bool {
	_, told := errors.AsType[*conclave.Error](err)
	return !told && (errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled))
}
