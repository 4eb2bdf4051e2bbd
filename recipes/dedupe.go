package recipes

import (
	"fmt"
	"strings"

	"github.com/conclavehq/conclave/internal/keys"
	logv1 "github.com/conclavehq/conclave/proto/gen/conclave/log/v1"
	storagev1 "github.com/conclavehq/conclave/proto/gen/conclave/storage/v1"
)

// Bounds of what is kept about one client. A client that says which answers it
// has (done_below) never comes near them.
const (
	dedupeIdle       Clock = 60 * 60 * 1000
	dedupeMaxResults       = 10_000
	dedupeMaxBytes         = 16 << 20
)

// Recall answers a command whose request id has been seen before: with the
// first answer (promise D5), or with a refusal when that is not kept any more.
// It returns nil when the command is to be applied; Remember then keeps the
// result. Both are called outside the mark to which a refused command is
// rolled back.
func Recall(tx Tx, cmd *logv1.Command) *logv1.Result {
	id := cmd.GetRequestId()
	if id == nil {
		return nil
	}
	name := id.GetClient()
	if name == "" || strings.IndexByte(name, 0) >= 0 || id.GetSequence() == 0 {
		return unanswered(tx, logv1.Reason_REASON_INVALID_ARGUMENT, "a request id needs a client name and a sequence above 0")
	}
	client := &storagev1.DedupeClientRecord{}
	load(tx, dedupeClientKey(tx, name), client)
	if id.GetDoneBelow() > client.DoneBelow {
		forgetResults(tx, name, client, id.GetDoneBelow())
		saveDedupeClient(tx, name, client)
	}

	stored := tx.Get(dedupeResultKey(tx, name, id.GetSequence()))
	switch {
	case stored != nil:
		saveDedupeClient(tx, name, client)
		return replay(tx, cmd, stored)
	case id.GetSequence() < client.DoneBelow:
		return unanswered(tx, logv1.Reason_REASON_STALE_REQUEST, fmt.Sprintf(
			"the client has said that it has the answers below sequence %d", client.DoneBelow))
	case client.Stored >= dedupeMaxResults || client.StoredBytes >= dedupeMaxBytes:
		return unanswered(tx, logv1.Reason_REASON_TOO_MANY,
			"too many answers are kept for this client; it has to say which ones it has")
	default:
		return nil
	}
}

// Remember keeps a command's result for its retries. A refusal is kept too:
// the first answer is the answer.
func Remember(tx Tx, cmd *logv1.Command, result *logv1.Result) {
	id := cmd.GetRequestId()
	if id == nil {
		return
	}
	value, err := withoutJobs(cmd, result).MarshalVT()
	if err != nil {
		panic(fmt.Sprintf("recipes: result of request %d of %q does not encode: %v", id.GetSequence(), id.GetClient(), err))
	}
	if value == nil {
		value = []byte{}
	}
	tx.Set(dedupeResultKey(tx, id.GetClient(), id.GetSequence()), value)

	client := &storagev1.DedupeClientRecord{}
	load(tx, dedupeClientKey(tx, id.GetClient()), client)
	client.Stored++
	client.StoredBytes += uint64(len(value))
	saveDedupeClient(tx, id.GetClient(), client)
}

func dedupeClientKey(r Reader, client string) []byte {
	return keys.Name(keys.Prefix(r.Namespace(), keys.DedupeClient), client)
}

// dedupeResults is the prefix of a client's results, by sequence.
func dedupeResults(r Reader, client string) []byte {
	return keys.Name(keys.Prefix(r.Namespace(), keys.DedupeResult), client)
}

func dedupeResultKey(r Reader, client string, sequence uint64) []byte {
	return keys.U64(dedupeResults(r, client), sequence)
}

// saveDedupeClient notes that a client was seen now. Its timer is armed once,
// and looks again when it fires; it is not moved with every request.
func saveDedupeClient(tx Tx, name string, client *storagev1.DedupeClientRecord) {
	key := dedupeClientKey(tx, name)
	if tx.Get(key) == nil {
		setTimer(tx, tx.Clock()+dedupeIdle, timerDedupeClient, nameColumn(name))
	}
	client.SeenMs = int64(tx.Clock())
	save(tx, key, client)
}

// forgetResults drops the results below a sequence.
func forgetResults(tx Tx, name string, client *storagev1.DedupeClientRecord, below uint64) {
	from := dedupeResults(tx, name)
	var done [][]byte
	tx.Scan(from, dedupeResultKey(tx, name, below), func(key, value []byte) bool {
		done = append(done, key)
		client.Stored--
		client.StoredBytes -= uint64(len(value))
		return true
	})
	for _, key := range done {
		tx.Delete(key)
	}
	client.DoneBelow = below
}

// expireDedupeClient drops a client that was not seen for an hour.
func expireDedupeClient(tx Tx, name string) {
	client := &storagev1.DedupeClientRecord{}
	if !load(tx, dedupeClientKey(tx, name), client) {
		return
	}
	if idleAt := Clock(client.SeenMs) + dedupeIdle; idleAt > tx.Clock() {
		setTimer(tx, idleAt, timerDedupeClient, nameColumn(name))
		return
	}
	prefix := dedupeResults(tx, name)
	var results [][]byte
	tx.Scan(prefix, keys.After(prefix), func(key, _ []byte) bool {
		results = append(results, key)
		return true
	})
	for _, key := range results {
		tx.Delete(key)
	}
	tx.Delete(dedupeClientKey(tx, name))
}

func unanswered(r Reader, reason logv1.Reason, detail string) *logv1.Result {
	return &logv1.Result{
		Refusal:  &logv1.Refusal{Reason: reason, Detail: detail},
		Revision: int64(r.Revision()),
	}
}
