package rpc

import (
	"connectrpc.com/connect"

	logv1 "github.com/conclavehq/conclave/proto/gen/conclave/log/v1"
	conclavev1 "github.com/conclavehq/conclave/proto/gen/conclave/v1"
)

// codes say what each reason is in the terms of Connect and gRPC. Over plain
// HTTP: NotFound is 404, AlreadyExists and Aborted are 409, ResourceExhausted is
// 429, Unavailable is 503, DeadlineExceeded is 504, and the caller's own
// mistakes are 400.
var codes = map[conclavev1.ErrorReason]connect.Code{
	conclavev1.ErrorReason_ERROR_REASON_INVALID_ARGUMENT:    connect.CodeInvalidArgument,
	conclavev1.ErrorReason_ERROR_REASON_TOO_LARGE:           connect.CodeInvalidArgument,
	conclavev1.ErrorReason_ERROR_REASON_TOO_MANY_OPERATIONS: connect.CodeInvalidArgument,
	conclavev1.ErrorReason_ERROR_REASON_DUPLICATE_KEY:       connect.CodeInvalidArgument,
	conclavev1.ErrorReason_ERROR_REASON_KEY_NOT_FOUND:       connect.CodeNotFound,
	conclavev1.ErrorReason_ERROR_REASON_COMPACTED:           connect.CodeOutOfRange,
	conclavev1.ErrorReason_ERROR_REASON_FUTURE_REVISION:     connect.CodeOutOfRange,
	conclavev1.ErrorReason_ERROR_REASON_GUARD_FAILED:        connect.CodeFailedPrecondition,
	conclavev1.ErrorReason_ERROR_REASON_LEASE_NOT_FOUND:     connect.CodeNotFound,
	conclavev1.ErrorReason_ERROR_REASON_LEASE_EXISTS:        connect.CodeAlreadyExists,
	conclavev1.ErrorReason_ERROR_REASON_HELD:                connect.CodeAborted,
	conclavev1.ErrorReason_ERROR_REASON_ALREADY_HELD:        connect.CodeAlreadyExists,
	conclavev1.ErrorReason_ERROR_REASON_ALREADY_WAITING:     connect.CodeAlreadyExists,
	conclavev1.ErrorReason_ERROR_REASON_STALE_TOKEN:         connect.CodeFailedPrecondition,
	conclavev1.ErrorReason_ERROR_REASON_NOT_HELD:            connect.CodeFailedPrecondition,
	conclavev1.ErrorReason_ERROR_REASON_LOCK_DELAY:          connect.CodeAborted,
	conclavev1.ErrorReason_ERROR_REASON_WAIT_TIMEOUT:        connect.CodeDeadlineExceeded,
	conclavev1.ErrorReason_ERROR_REASON_WAIT_CANCELED:       connect.CodeAborted,
	conclavev1.ErrorReason_ERROR_REASON_SESSION_LOST:        connect.CodeFailedPrecondition,
	conclavev1.ErrorReason_ERROR_REASON_NO_LEADER:           connect.CodeFailedPrecondition,
	conclavev1.ErrorReason_ERROR_REASON_CANDIDATE_NOT_FOUND: connect.CodeNotFound,
	conclavev1.ErrorReason_ERROR_REASON_QUEUE_NOT_FOUND:     connect.CodeNotFound,
	conclavev1.ErrorReason_ERROR_REASON_JOB_NOT_FOUND:       connect.CodeNotFound,
	conclavev1.ErrorReason_ERROR_REASON_STALE_RECEIPT:       connect.CodeFailedPrecondition,
	conclavev1.ErrorReason_ERROR_REASON_WRONG_STATE:         connect.CodeFailedPrecondition,
	conclavev1.ErrorReason_ERROR_REASON_QUEUE_FULL:          connect.CodeResourceExhausted,
	conclavev1.ErrorReason_ERROR_REASON_INSTANCE_NOT_FOUND:  connect.CodeNotFound,
	conclavev1.ErrorReason_ERROR_REASON_INSTANCE_EXISTS:     connect.CodeAlreadyExists,
	conclavev1.ErrorReason_ERROR_REASON_NAMESPACE_NOT_FOUND: connect.CodeNotFound,
	conclavev1.ErrorReason_ERROR_REASON_NAMESPACE_EXISTS:    connect.CodeAlreadyExists,
	conclavev1.ErrorReason_ERROR_REASON_MEMBER_NOT_FOUND:    connect.CodeNotFound,
	conclavev1.ErrorReason_ERROR_REASON_STALE_REQUEST:       connect.CodeFailedPrecondition,
	conclavev1.ErrorReason_ERROR_REASON_TOO_MANY:            connect.CodeResourceExhausted,
	conclavev1.ErrorReason_ERROR_REASON_TICKET_NOT_FOUND:    connect.CodeNotFound,
	conclavev1.ErrorReason_ERROR_REASON_NAMESPACE_NOT_EMPTY: connect.CodeFailedPrecondition,
	conclavev1.ErrorReason_ERROR_REASON_IMPORT_CONFLICT:     connect.CodeAborted,
	conclavev1.ErrorReason_ERROR_REASON_NO_QUORUM:           connect.CodeUnavailable,
	conclavev1.ErrorReason_ERROR_REASON_OVERLOADED:          connect.CodeResourceExhausted,
	conclavev1.ErrorReason_ERROR_REASON_SHUTTING_DOWN:       connect.CodeUnavailable,
	conclavev1.ErrorReason_ERROR_REASON_OUTCOME_UNKNOWN:     connect.CodeUnknown,
	conclavev1.ErrorReason_ERROR_REASON_RESYNC:              connect.CodeAborted,
	conclavev1.ErrorReason_ERROR_REASON_INTERNAL:            connect.CodeInternal,
	conclavev1.ErrorReason_ERROR_REASON_NO_SPACE:            connect.CodeResourceExhausted,
}

// refusal is how a reason of the log is told to a client.
type refusal struct {
	reason conclavev1.ErrorReason
	// sentence stands in where the rule gave none.
	sentence string
	// advice follows the sentence: what the caller can do.
	advice string
}

var refusals = map[logv1.Reason]refusal{
	logv1.Reason_REASON_UNSPECIFIED: {conclavev1.ErrorReason_ERROR_REASON_INTERNAL,
		"the server failed in a way that it did not expect; its log says how", ""},
	logv1.Reason_REASON_UNKNOWN_COMMAND: {conclavev1.ErrorReason_ERROR_REASON_INTERNAL,
		"not all nodes know this request yet; finish upgrading them", ""},

	logv1.Reason_REASON_STALE_EPOCH: {conclavev1.ErrorReason_ERROR_REASON_NO_QUORUM,
		"nothing happened, because the leader changed just now", "try again"},
	logv1.Reason_REASON_STALE_REQUEST: {conclavev1.ErrorReason_ERROR_REASON_STALE_REQUEST,
		"the request's sequence is below done_below, so its answer is forgotten", "number new requests upwards"},
	logv1.Reason_REASON_INVALID_ARGUMENT: {conclavev1.ErrorReason_ERROR_REASON_INVALID_ARGUMENT,
		"the request breaks a rule", ""},
	logv1.Reason_REASON_NAMESPACE_NOT_FOUND: {conclavev1.ErrorReason_ERROR_REASON_NAMESPACE_NOT_FOUND,
		"there is no such namespace", ""},
	logv1.Reason_REASON_NAMESPACE_EXISTS: {conclavev1.ErrorReason_ERROR_REASON_NAMESPACE_EXISTS,
		"the namespace exists already", ""},
	logv1.Reason_REASON_TOO_MANY: {conclavev1.ErrorReason_ERROR_REASON_TOO_MANY,
		"there are too many of these", ""},

	logv1.Reason_REASON_COMPACTED: {conclavev1.ErrorReason_ERROR_REASON_COMPACTED,
		"the revision is older than what is kept", "read the current state and go on from its revision"},
	logv1.Reason_REASON_FUTURE_REVISION: {conclavev1.ErrorReason_ERROR_REASON_FUTURE_REVISION,
		"the revision has not happened yet", "ask for one up to the current revision"},
	logv1.Reason_REASON_KEY_NOT_FOUND: {conclavev1.ErrorReason_ERROR_REASON_KEY_NOT_FOUND,
		"the key does not exist", "ignore_value and ignore_lease need a key that exists"},
	logv1.Reason_REASON_DUPLICATE_KEY: {conclavev1.ErrorReason_ERROR_REASON_DUPLICATE_KEY,
		"the transaction writes a key twice", "keep one of the writes"},
	logv1.Reason_REASON_TOO_MANY_OPERATIONS: {conclavev1.ErrorReason_ERROR_REASON_TOO_MANY_OPERATIONS,
		"the transaction has too many operations", "split it"},
	logv1.Reason_REASON_GUARD_FAILED: {conclavev1.ErrorReason_ERROR_REASON_GUARD_FAILED,
		"a guard is not current, so nothing was written", "stop what depends on that hold"},

	logv1.Reason_REASON_NAMESPACE_NOT_EMPTY: {conclavev1.ErrorReason_ERROR_REASON_NAMESPACE_NOT_EMPTY,
		"the namespace has keys", "import into a fresh namespace, or delete the keys"},
	logv1.Reason_REASON_IMPORT_CONFLICT: {conclavev1.ErrorReason_ERROR_REASON_IMPORT_CONFLICT,
		"the namespace is not what the import takes it for", "see to it that nobody else writes, and import into a fresh namespace"},

	logv1.Reason_REASON_LEASE_NOT_FOUND: {conclavev1.ErrorReason_ERROR_REASON_LEASE_NOT_FOUND,
		"the lease does not exist or has ended", ""},
	logv1.Reason_REASON_LEASE_EXISTS: {conclavev1.ErrorReason_ERROR_REASON_LEASE_EXISTS,
		"the lease id is taken", "ask for another id, or for none, and the server chooses one"},

	logv1.Reason_REASON_HELD: {conclavev1.ErrorReason_ERROR_REASON_HELD,
		"somebody else has it", "give a wait to stand in line, or try again later"},
	logv1.Reason_REASON_ALREADY_HELD: {conclavev1.ErrorReason_ERROR_REASON_ALREADY_HELD,
		"the session has it already", "use the token that it has"},
	logv1.Reason_REASON_ALREADY_WAITING: {conclavev1.ErrorReason_ERROR_REASON_ALREADY_WAITING,
		"the session waits for it already", "send the first request again with its request_id to wait on"},
	logv1.Reason_REASON_STALE_TOKEN: {conclavev1.ErrorReason_ERROR_REASON_STALE_TOKEN,
		"the token is not the current one", "the hold it stands for has ended"},
	logv1.Reason_REASON_NOT_HELD: {conclavev1.ErrorReason_ERROR_REASON_NOT_HELD,
		"nobody has it", ""},
	logv1.Reason_REASON_TICKET_NOT_FOUND: {conclavev1.ErrorReason_ERROR_REASON_TICKET_NOT_FOUND,
		"there is no such wait", "it ended, or never began"},
	logv1.Reason_REASON_LOCK_DELAY: {conclavev1.ErrorReason_ERROR_REASON_LOCK_DELAY,
		"the last holder was lost, and its lock-delay has not passed", "give a wait, or try again after it"},

	logv1.Reason_REASON_NO_LEADER: {conclavev1.ErrorReason_ERROR_REASON_NO_LEADER,
		"nobody leads the election", ""},
	logv1.Reason_REASON_CANDIDATE_NOT_FOUND: {conclavev1.ErrorReason_ERROR_REASON_CANDIDATE_NOT_FOUND,
		"no such candidate stands for election", "the term goes on"},

	logv1.Reason_REASON_QUEUE_NOT_FOUND: {conclavev1.ErrorReason_ERROR_REASON_QUEUE_NOT_FOUND,
		"there is no such queue", "a queue exists from its first job on"},
	logv1.Reason_REASON_JOB_NOT_FOUND: {conclavev1.ErrorReason_ERROR_REASON_JOB_NOT_FOUND,
		"there is no such job", "it is finished or was never there"},
	logv1.Reason_REASON_STALE_RECEIPT: {conclavev1.ErrorReason_ERROR_REASON_STALE_RECEIPT,
		"the claim has ended", "drop the job, because another worker may have it"},
	logv1.Reason_REASON_WRONG_STATE: {conclavev1.ErrorReason_ERROR_REASON_WRONG_STATE,
		"it is not in a state that allows this", ""},
	logv1.Reason_REASON_QUEUE_FULL: {conclavev1.ErrorReason_ERROR_REASON_QUEUE_FULL,
		"the queue is full", "try again when workers have taken jobs"},

	logv1.Reason_REASON_INSTANCE_NOT_FOUND: {conclavev1.ErrorReason_ERROR_REASON_INSTANCE_NOT_FOUND,
		"there is no such instance", ""},
	logv1.Reason_REASON_INSTANCE_EXISTS: {conclavev1.ErrorReason_ERROR_REASON_INSTANCE_EXISTS,
		"another session registered an instance with this id", "choose another id, or wait until that session ends"},

	logv1.Reason_REASON_NODE_NOT_FOUND: {conclavev1.ErrorReason_ERROR_REASON_MEMBER_NOT_FOUND,
		"there is no such member", "list the members for their names"},
	logv1.Reason_REASON_NODE_REPLACED: {conclavev1.ErrorReason_ERROR_REASON_WRONG_STATE,
		"the member was replaced", ""},
}
