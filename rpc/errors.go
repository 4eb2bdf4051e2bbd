package rpc

import (
	"context"
	"errors"
	"fmt"
	"time"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/conclavehq/conclave/cluster"
	logv1 "github.com/conclavehq/conclave/proto/gen/conclave/log/v1"
	conclavev1 "github.com/conclavehq/conclave/proto/gen/conclave/v1"
	"github.com/conclavehq/conclave/statemachine/feed"
)

// failure is an error in the terms of the API: what a client may see of it.
type failure struct {
	// code is by the reason when it is zero.
	code    connect.Code
	message string
	info    *conclavev1.ErrorInfo
	// cause is for the server's log only.
	cause error
}

func (f *failure) Error() string { return f.message }

func (f *failure) Unwrap() error { return f.cause }

// fail makes a failure with a sentence of its own.
func fail(reason conclavev1.ErrorReason, format string, args ...any) *failure {
	return &failure{
		message: fmt.Sprintf(format, args...),
		info:    &conclavev1.ErrorInfo{Reason: reason},
	}
}

// errDraining is the cause of a context that Server.Drain ended.
var errDraining = errors.New("rpc: draining")

// overloadPause is how long a client should let an overloaded cluster be.
const overloadPause = 200 * time.Millisecond

// noSpacePause is how soon it may make sense to look whether there is room again.
const noSpacePause = 5 * time.Second

// status is the code under which a failure leaves the server.
func (f *failure) status() connect.Code {
	code := f.code
	if code == 0 {
		code = codes[f.info.GetReason()]
	}
	if code == 0 {
		code = connect.CodeInternal
	}
	return code
}

// connectError is the only way in which an error leaves the server, but for the
// pipeline, which has a message of its own for failures.
func connectError(err error) *connect.Error {
	f := explain(err)
	out := connect.NewError(f.status(), errors.New(f.message))
	if detail, err := connect.NewErrorDetail(f.info); err == nil {
		out.AddDetail(detail)
	}
	return out
}

// explain puts any error in the terms of the API. What it does not know is
// INTERNAL, and the client does not see its text.
func explain(err error) *failure {
	var known *failure
	var refused *cluster.RefusedError
	var compacted *feed.CompactedError
	var wire *connect.Error
	switch {
	case errors.As(err, &known):
		return known
	case errors.As(err, &refused):
		return explainRefusal(refused.Refusal)
	case errors.As(err, &compacted):
		return explainRefusal(&logv1.Refusal{Reason: logv1.Reason_REASON_COMPACTED, Revision: compacted.Revision})
	case errors.Is(err, feed.ErrNamespaceDropped):
		return explainRefusal(&logv1.Refusal{Reason: logv1.Reason_REASON_NAMESPACE_NOT_FOUND})
	case errors.Is(err, errDraining), errors.Is(err, cluster.ErrStopped), errors.Is(err, feed.ErrClosed):
		return fail(conclavev1.ErrorReason_ERROR_REASON_SHUTTING_DOWN,
			"this node is stopping; send the request to another node")
	case errors.Is(err, errLeaderless):
		return fail(conclavev1.ErrorReason_ERROR_REASON_NO_QUORUM,
			"this node has lost the majority of the nodes and hears of no change; call another node")
	case errors.Is(err, cluster.ErrOutcomeUnknown):
		return fail(conclavev1.ErrorReason_ERROR_REASON_OUTCOME_UNKNOWN,
			"it is not known whether the request took effect; send it again with the same request_id, or read the state first")
	case errors.Is(err, cluster.ErrNoLeader), errors.Is(err, cluster.ErrUnavailable):
		return fail(conclavev1.ErrorReason_ERROR_REASON_NO_QUORUM,
			"nothing happened, because no majority of the nodes answers; try again, or another node")
	case errors.Is(err, cluster.ErrOverloaded):
		f := fail(conclavev1.ErrorReason_ERROR_REASON_OVERLOADED,
			"nothing happened, because too many requests are waiting; try again in %v", overloadPause)
		f.info.RetryAfter = durationpb.New(overloadPause)
		return f
	case errors.Is(err, cluster.ErrNoSpace):
		f := fail(conclavev1.ErrorReason_ERROR_REASON_NO_SPACE,
			"nothing happened, because the disk of a node has too little room for it; compact, delete in parts (what is deleted takes room until it is compacted), or give the disk room: `conclave endpoint status` says which one is nearly full")
		f.info.RetryAfter = durationpb.New(noSpacePause)
		return f
	case errors.Is(err, cluster.ErrTooLarge):
		return fail(conclavev1.ErrorReason_ERROR_REASON_TOO_LARGE,
			"the request is too large to be committed; split it")
	case errors.Is(err, context.DeadlineExceeded):
		f := fail(conclavev1.ErrorReason_ERROR_REASON_UNSPECIFIED, "the request's deadline passed before there was an answer")
		f.code = connect.CodeDeadlineExceeded
		return f
	case errors.Is(err, context.Canceled):
		f := fail(conclavev1.ErrorReason_ERROR_REASON_UNSPECIFIED, "the caller ended the request")
		f.code = connect.CodeCanceled
		return f
	case errors.As(err, &wire):
		// Connect's own words about the wire: a broken message, a gone client.
		return &failure{code: wire.Code(), message: wire.Message(), info: &conclavev1.ErrorInfo{}, cause: err}
	}
	f := fail(conclavev1.ErrorReason_ERROR_REASON_INTERNAL,
		"the server failed in a way that it did not expect; its log says how")
	f.cause = err
	return f
}

// explainRefusal adds to what a rule says what the caller can do about it.
func explainRefusal(r *logv1.Refusal) *failure {
	rule, ok := refusals[r.GetReason()]
	if !ok {
		rule = refusals[logv1.Reason_REASON_UNSPECIFIED]
	}
	sentence := r.GetDetail()
	if sentence == "" {
		sentence = rule.sentence
	}
	if rule.advice != "" {
		sentence += "; " + rule.advice
	}
	f := &failure{message: sentence, info: &conclavev1.ErrorInfo{
		Reason:     rule.reason,
		Revision:   r.GetRevision(),
		Token:      r.GetToken(),
		Holder:     card(r.GetHolder()),
		RetryAfter: optionalDuration(r.GetRetryAfterMs()),
	}}
	if rule.reason == conclavev1.ErrorReason_ERROR_REASON_INTERNAL {
		f.cause = fmt.Errorf("refused with %v: %s", r.GetReason(), r.GetDetail())
		f.message = rule.sentence
	}
	return f
}
