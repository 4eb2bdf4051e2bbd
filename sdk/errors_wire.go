package conclave

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"strings"
	"time"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/proto"

	conclavev1 "github.com/conclavehq/conclave/proto/gen/conclave/v1"
)

// fromWire translates the failure of one attempt.
func fromWire(err error) *Error {
	if e, ok := errors.AsType[*Error](err); ok {
		return e
	}
	failure, ok := errors.AsType[*connect.Error](err)
	if !ok {
		return &Error{Reason: reasonUnavailable, Message: "no answer", cause: err}
	}
	for _, detail := range failure.Details() {
		value, err := detail.Value()
		if err != nil {
			continue
		}
		info, ok := value.(*conclavev1.ErrorInfo)
		if ok && info.GetReason() != conclavev1.ErrorReason_ERROR_REASON_UNSPECIFIED {
			e := fromInfo(failure.Message(), info)
			e.crowded = e.Reason == reasonOverloaded && failure.Code() == connect.CodeUnavailable
			return e
		}
	}
	return fromCode(failure)
}

func fromInfo(message string, info *conclavev1.ErrorInfo) *Error {
	e := &Error{
		Reason:     Reason(strings.TrimPrefix(info.GetReason().String(), "ERROR_REASON_")),
		Message:    message,
		Revision:   Revision(info.GetRevision()),
		Token:      Token(info.GetToken()),
		RetryAfter: info.GetRetryAfter().AsDuration(),
		Leader:     info.GetLeader(),
	}
	if info.GetHolder() != nil {
		holder := cardFrom(info.GetHolder())
		e.Holder = &holder
	}
	return e
}

// fromCode translates failures that do not come from a handler of the service:
// from the network, from a proxy, from the HTTP server.
func fromCode(failure *connect.Error) *Error {
	// The one thing that the SDK cannot put into a message.
	if failure.Code() == connect.CodeInternal && !connect.IsWireError(failure) && errors.Is(failure, proto.Error) {
		return &Error{Reason: reasonInvalid, Message: "names, keys and other texts have to be valid UTF-8"}
	}
	if status, ok := foreign(failure); ok {
		return &Error{Reason: reasonUnavailable, Message: notConclave + " (" + status + ")", foreign: true}
	}
	e := &Error{Message: failure.Message()}
	switch failure.Code() {
	case connect.CodeInvalidArgument, connect.CodeOutOfRange:
		e.Reason = reasonInvalid
	case connect.CodeResourceExhausted:
		e.Reason = reasonTooLarge
	case connect.CodeUnimplemented:
		e.Reason = reasonUnimplemented
	case connect.CodeDeadlineExceeded, connect.CodeCanceled:
		e.Reason, e.Message = reasonUnavailable, "no answer in time"
	case connect.CodeUnavailable, connect.CodeUnknown, connect.CodeAborted, connect.CodeInternal:
		e.Reason = reasonUnavailable
	default:
		e.Reason = reasonInternal
	}
	if e.Reason == reasonUnavailable && !connect.IsWireError(failure) {
		e.cause = failure.Unwrap()
		e.Message = "no answer"
		if errors.Is(failure, http.ErrSchemeMismatch) {
			e.cause, e.foreign, e.Message = nil, true, "what answers there speaks no TLS; say http:// instead of https://"
		}
	}
	return e
}

const notConclave = "what answers is not a Conclave client port"

// foreign reports whether an answer comes from something that is no node, such
// as another program, a node's port for its peers or a proxy without a route.
// Nodes send a reason with each refusal, and answer nothing in plain text.
func foreign(failure *connect.Error) (status string, ok bool) {
	status = strings.TrimPrefix(failure.Message(), "HTTP status ")
	switch failure.Code() {
	case connect.CodeNotFound, connect.CodePermissionDenied, connect.CodeUnauthenticated:
		return status, true
	case connect.CodeUnimplemented:
		return status, !connect.IsWireError(failure)
	}
	if connect.IsWireError(failure) {
		return "", false
	}
	for _, sign := range []string{"30", "400 ", "405 ", "invalid content-type"} {
		if strings.HasPrefix(status, sign) {
			return status, true
		}
	}
	return "", false
}

// from says where an answer came from that is no node's.
func (e *Error) from(at *node) *Error {
	if !e.foreign {
		return e
	}
	told := *e
	told.Message = strings.Replace(e.Message, "what answers is", "what answers at "+at.url+" is", 1)
	return &told
}

// retryable reports whether the same request may succeed later or elsewhere.
func (e *Error) retryable() bool {
	switch e.Reason {
	case reasonUnavailable, reasonNoQuorum, reasonOverloaded, reasonShuttingDown, reasonOutcomeUnknown:
		return true
	}
	return false
}

// elsewhere reports whether another node may do better. What the leader refuses it
// refuses through every node.
func (e *Error) elsewhere() bool {
	return e.crowded || e.Reason != reasonOverloaded && e.Reason != reasonNoSpace
}

// harmless reports whether the request surely did nothing.
func (e *Error) harmless() bool {
	switch e.Reason {
	case reasonNoQuorum, reasonOverloaded, reasonShuttingDown:
		return true
	case reasonUnavailable:
		if e.foreign {
			return true
		}
		if _, ok := errors.AsType[*tls.CertificateVerificationError](e.cause); ok {
			return true
		}
		dial, ok := errors.AsType[*net.OpError](e.cause)
		return ok && dial.Op == "dial" || errors.Is(e.cause, errUnsent)
	case reasonOutcomeUnknown:
		return false
	}
	return true
}

// isReason reports whether an error is the SDK's with that reason.
func isReason(err error, reasons ...Reason) bool {
	e, ok := errors.AsType[*Error](err)
	if !ok {
		return false
	}
	for _, reason := range reasons {
		if e.Reason == reason {
			return true
		}
	}
	return false
}

// interrupted is the error of a call whose context ended: it matches the
// context's error and its cause, and what went wrong last.
func interrupted(ctx context.Context, last *Error, unknown bool) error {
	ended := ctx.Err()
	if cause := context.Cause(ctx); cause != nil && !errors.Is(cause, ended) {
		ended = &endedError{ended, cause}
	}
	if last == nil {
		if !unknown {
			return ended
		}
		last = &Error{Message: "no answer yet"}
	}
	told := *last
	switch {
	case unknown:
		if told.Reason == reasonNoQuorum {
			told.Message = "no majority of the nodes answers" // and that nothing happened is not true of all attempts
		}
		return &Error{
			Reason:  reasonOutcomeUnknown,
			Message: "it may or may not have happened",
			cause:   &endedError{ended, &told},
		}
	case told.cause != nil:
		ended = &endedError{ended, told.cause}
	}
	told.cause = ended
	return &told
}

// endedError says that a context ended, and why.
type endedError struct {
	ended error
	why   error
}

func (e *endedError) Error() string   { return e.why.Error() + ": " + e.ended.Error() }
func (e *endedError) Unwrap() []error { return []error{e.ended, e.why} }

// Timeout makes the error look like a timeout to callers that ask for it.
func (e *endedError) Timeout() bool { return errors.Is(e.ended, context.DeadlineExceeded) }

// pause waits, and reports whether it did so to the end.
func pause(ctx context.Context, d time.Duration) bool {
	if ctx.Err() != nil {
		return false
	}
	if d <= 0 {
		return true
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
