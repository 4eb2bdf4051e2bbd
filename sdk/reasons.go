package conclave

// Reason says in a stable way what went wrong. Reasons of the service are the
// names of conclave.v1.ErrorReason without their prefix; UNAVAILABLE, CLOSED and
// the reasons of losses are the SDK's own.
type Reason string

// The reasons that the SDK itself acts on.
const (
	reasonInvalid        Reason = "INVALID_ARGUMENT"
	reasonTooLarge       Reason = "TOO_LARGE"
	reasonKeyNotFound    Reason = "KEY_NOT_FOUND"
	reasonCompacted      Reason = "COMPACTED"
	reasonLeaseNotFound  Reason = "LEASE_NOT_FOUND"
	reasonNoNamespace    Reason = "NAMESPACE_NOT_FOUND"
	reasonStaleToken     Reason = "STALE_TOKEN"
	reasonNotHeld        Reason = "NOT_HELD"
	reasonNoLeader       Reason = "NO_LEADER"
	reasonWaitTimeout    Reason = "WAIT_TIMEOUT"
	reasonWaitCanceled   Reason = "WAIT_CANCELED"
	reasonJobNotFound    Reason = "JOB_NOT_FOUND"
	reasonStaleReceipt   Reason = "STALE_RECEIPT"
	reasonWrongState     Reason = "WRONG_STATE"
	reasonNoQuorum       Reason = "NO_QUORUM"
	reasonOverloaded     Reason = "OVERLOADED"
	reasonShuttingDown   Reason = "SHUTTING_DOWN"
	reasonOutcomeUnknown Reason = "OUTCOME_UNKNOWN"
	reasonNoSpace        Reason = "NO_SPACE"
	reasonResync         Reason = "RESYNC"
	reasonInternal       Reason = "INTERNAL"

	// The SDK's own.
	reasonUnavailable    Reason = "UNAVAILABLE"
	reasonUnimplemented  Reason = "UNIMPLEMENTED"
	reasonClosed         Reason = "CLOSED"
	reasonReleased       Reason = "RELEASED"
	reasonLost           Reason = "LOST"
	reasonBroken         Reason = "BROKEN"
	reasonSessionExpired Reason = "SESSION_EXPIRED"
	reasonSessionLost    Reason = "SESSION_LOST"
	reasonSessionClosed  Reason = "SESSION_CLOSED"
)

// What may be wrong with a request.
var (
	// ErrInvalid says that the request breaks a rule that the message names.
	ErrInvalid = sentence("invalid request", reasonInvalid, "DUPLICATE_KEY")
	// ErrTooLarge says that the request is over a limit that the message names.
	ErrTooLarge = sentence("over a limit", reasonTooLarge, "TOO_MANY_OPERATIONS", "TOO_MANY")
	// ErrNamespaceNotFound says that the namespace does not exist.
	ErrNamespaceNotFound = sentence("no such namespace", reasonNoNamespace)
	// ErrNamespaceExists says that the namespace exists already.
	ErrNamespaceExists = sentence("the namespace exists", "NAMESPACE_EXISTS")
	// ErrNamespaceNotEmpty says that a copy of another store begins where keys are
	// that it did not bring.
	ErrNamespaceNotEmpty = sentence("the namespace has keys", "NAMESPACE_NOT_EMPTY")
	// ErrImportConflict says that a namespace is not what an import takes it for,
	// because somebody else writes to it; Revision is the current one.
	ErrImportConflict = sentence("the namespace is not what the import takes it for", "IMPORT_CONFLICT")
	// ErrMemberNotFound says that no node has that name.
	ErrMemberNotFound = sentence("no such member", "MEMBER_NOT_FOUND")
)

// What keys, transactions and leases can answer.
var (
	// ErrKeyNotFound says that there is no such key; Revision is when.
	ErrKeyNotFound = sentence("no such key", reasonKeyNotFound)
	// ErrCompacted says that the revision is forgotten; Revision is the first
	// that is not.
	ErrCompacted = sentence("the revision is compacted", reasonCompacted)
	// ErrFutureRevision says that the revision is yet to come; Revision is the
	// current one.
	ErrFutureRevision = sentence("the revision is in the future", "FUTURE_REVISION")
	// ErrGuardFailed says that a guard's token, term or receipt is not the
	// current one. Nothing was written.
	ErrGuardFailed = sentence("a guard is not current", "GUARD_FAILED")
	// ErrLeaseNotFound says that there is no such lease, or not any more.
	ErrLeaseNotFound = sentence("no such lease", reasonLeaseNotFound)
	// ErrLeaseExists says that the lease id that was asked for is taken.
	ErrLeaseExists = sentence("the lease exists", "LEASE_EXISTS")
)

// What mutexes and elections can answer.
var (
	// ErrHeld says that somebody else holds it: Holder says who, RetryAfter
	// until when at most unless it is renewed.
	ErrHeld = sentence("held by somebody else", "HELD", "LOCK_DELAY")
	// ErrAlreadyHeld says that the caller's own session holds it; Token is its
	// token.
	ErrAlreadyHeld = sentence("held by this session already", "ALREADY_HELD")
	// ErrAlreadyWaiting says that the caller's own session waits for it.
	ErrAlreadyWaiting = sentence("this session waits for it already", "ALREADY_WAITING")
	// ErrStaleToken says that the token or term is not the current one.
	ErrStaleToken = sentence("the token is not the current one", reasonStaleToken)
	// ErrNotHeld says that nobody holds it.
	ErrNotHeld = sentence("not held", reasonNotHeld)
	// ErrWaitTimeout says that the wait reached the bound that WithWait gave.
	ErrWaitTimeout = sentence("the wait reached its bound", reasonWaitTimeout)
	// ErrWaitCanceled says that the place in line was given up.
	ErrWaitCanceled = sentence("the wait was canceled", reasonWaitCanceled)
	// ErrNoLeader says that nobody leads the election.
	ErrNoLeader = sentence("nobody leads", reasonNoLeader)
	// ErrCandidateNotFound says that nobody of that identity stands.
	ErrCandidateNotFound = sentence("no such candidate", "CANDIDATE_NOT_FOUND")
)

// How holds, terms, claims and sessions end other than by their owner's word.
// They are the causes of the contexts that end with them.
var (
	// ErrLost matches every loss: what the caller held is not its own any more.
	ErrLost = sentence("lost", reasonLost, reasonBroken, reasonSessionExpired, reasonSessionLost,
		reasonStaleToken, reasonNotHeld, reasonStaleReceipt)
	// ErrBroken says that an administrator took it; Message and Actor say why
	// and who.
	ErrBroken = sentence("broken by an administrator", reasonBroken)
	// ErrSessionLost matches every end of a session that its owner did not want.
	ErrSessionLost = sentence("the session is lost", reasonSessionLost, reasonSessionExpired)
	// ErrSessionExpired says that no renewal was acknowledged in time.
	ErrSessionExpired = sentence("the session expired", reasonSessionExpired)
	// ErrSessionClosed says that the program closed the session.
	ErrSessionClosed = sentence("the session is closed", reasonSessionClosed)
	// ErrReleased says that the program gave back what the context stood for.
	ErrReleased = sentence("released", reasonReleased)
)

// What queues and the registry can answer.
var (
	// ErrQueueNotFound says that the queue never had a job.
	ErrQueueNotFound = sentence("no such queue", "QUEUE_NOT_FOUND")
	// ErrQueueFull says that the queue takes no more jobs.
	ErrQueueFull = sentence("the queue is full", "QUEUE_FULL")
	// ErrJobNotFound says that there is no such job, or not any more.
	ErrJobNotFound = sentence("no such job", reasonJobNotFound)
	// ErrStaleReceipt says that the claim is over; the job may be in other hands.
	ErrStaleReceipt = sentence("the receipt is not the current one", reasonStaleReceipt)
	// ErrWrongState says that the job is in a state that does not allow this.
	ErrWrongState = sentence("the job is in another state", reasonWrongState)
	// ErrInstanceNotFound says that there is no such instance.
	ErrInstanceNotFound = sentence("no such instance", "INSTANCE_NOT_FOUND")
	// ErrInstanceExists says that another session registered the instance.
	ErrInstanceExists = sentence("the instance exists", "INSTANCE_EXISTS")
)

// ErrNoSpace says that a node's disk has too little room for the request, which would
// make the state larger, or delete much at once: what is deleted takes room until it
// is compacted, so delete in parts and compact after each. Nothing happened. Calls do
// not wait for room, which may take an operator; RetryAfter says when it makes sense
// to look again.
var ErrNoSpace = sentence("a node's disk has too little room", reasonNoSpace)

// What can be wrong with the cluster or the way to it. Calls retry these until
// their context ends.
var (
	// ErrUnavailable says that no endpoint gave an answer.
	ErrUnavailable = sentence("no endpoint answers", reasonUnavailable, reasonShuttingDown)
	// ErrNoQuorum says that a majority of the nodes is missing.
	ErrNoQuorum = sentence("no majority of the nodes", reasonNoQuorum)
	// ErrOverloaded says that too much is waiting already.
	ErrOverloaded = sentence("overloaded", reasonOverloaded)
	// ErrOutcomeUnknown says that the mutation may or may not have happened.
	ErrOutcomeUnknown = sentence("the outcome is unknown", reasonOutcomeUnknown, "STALE_REQUEST")
	// ErrClosed says that the client is closed.
	ErrClosed = sentence("the client is closed", reasonClosed)
)
