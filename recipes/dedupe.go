package recipes

import (
	"fmt"
	"strings"

	"github.com/conclavehq/conclave/internal/planted"
	logv1 "github.com/conclavehq/conclave/proto/gen/conclave/log/v1"
)

// Bounds of what is kept about one client. A client that says which answers it
// has (done_below) never comes near them.
const (
	dedupeIdle       Clock = 60 * 60 * 1000
	dedupeMaxResults       = 10_000
	dedupeMaxBytes         = 16 << 20
)

// Once applies a command, unless its request id has been seen before: then it
// returns the first answer (promise D5), or a refusal when that is not kept any
// more. A refusal by apply is kept too: the first answer is the answer. Once is
// called outside the mark to which a refused command is rolled back.
func Once(tx Tx, cmd *logv1.Command, apply func() *logv1.Result) *logv1.Result {
	id := cmd.GetRequestId()
	// mutant_16 (at-least-once proposals without a session): the service takes a
	// retry for another request.
	if id == nil || planted.Bug == planted.RetriesApplyAgain {
		return apply()
	}
	if id.GetClient() == "" || strings.IndexByte(id.GetClient(), 0) >= 0 || id.GetSequence() == 0 {
		return unanswered(tx, logv1.Reason_REASON_INVALID_ARGUMENT, "a request id needs a client name and a sequence above 0")
	}
	c := openDedupeClient(tx, id.GetClient())
	c.forget(id.GetDoneBelow())
	result := c.recall(cmd, id.GetSequence())
	if result == nil {
		result = apply()
		c.keep(id.GetSequence(), withoutJobs(cmd, result))
	}
	c.save()
	return result
}

// recall answers a request that is not to be applied; nil for one that is.
func (c *dedupeClient) recall(cmd *logv1.Command, sequence uint64) *logv1.Result {
	if sequence < c.DoneBelow {
		return unanswered(c.tx, logv1.Reason_REASON_STALE_REQUEST, fmt.Sprintf(
			"the client has said that it has the answers below sequence %d", c.DoneBelow))
	}
	if stored := c.find(sequence); stored != nil {
		return replay(c.tx, cmd, stored)
	}
	if c.Stored >= dedupeMaxResults || c.StoredBytes >= dedupeMaxBytes {
		return unanswered(c.tx, logv1.Reason_REASON_TOO_MANY,
			"too many answers are kept for this client; it has to say which ones it has")
	}
	return nil
}

// expireDedupeClient drops a client that was not seen for an hour.
func expireDedupeClient(tx Tx, name string) {
	c := openDedupeClient(tx, name)
	if !c.known {
		return
	}
	if idleAt := Clock(c.SeenMs) + dedupeIdle; idleAt > tx.Clock() {
		setTimer(tx, idleAt, timerDedupeClient, nameColumn(name))
		return
	}
	c.drop()
}

func unanswered(r Reader, reason logv1.Reason, detail string) *logv1.Result {
	return &logv1.Result{
		Refusal:  &logv1.Refusal{Reason: reason, Detail: detail},
		Revision: int64(r.Revision()),
	}
}
