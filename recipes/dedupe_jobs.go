package recipes

import (
	"fmt"

	logv1 "github.com/conclavehq/conclave/proto/gen/conclave/log/v1"
)

// Jobs can be large and are stored anyway, so a kept result names the claimed
// jobs only, and a replay fills them in from the queue. A claim that has ended
// since is left out: its receipt is of no use, and its worker must not start.

// withoutJobs returns the result as it is kept.
func withoutJobs(cmd *logv1.Command, result *logv1.Result) *logv1.Result {
	claimed := false
	eachClaim(cmd, result, func(_ string, claim *logv1.ClaimJobsResult) {
		claimed = claimed || len(claim.GetJobs()) > 0
	})
	if !claimed {
		return result
	}
	kept := result.CloneVT()
	eachClaim(cmd, kept, func(_ string, claim *logv1.ClaimJobsResult) {
		for i, job := range claim.GetJobs() {
			claim.Jobs[i] = &logv1.ClaimedJob{JobId: job.GetJobId(), Receipt: job.GetReceipt()}
		}
	})
	return kept
}

// replay decodes a kept result and fills in what its claims hold now.
func replay(r Reader, cmd *logv1.Command, stored []byte) *logv1.Result {
	result := &logv1.Result{}
	if err := result.UnmarshalVT(stored); err != nil {
		panic(fmt.Sprintf("recipes: kept result of request %d of %q does not decode: %v",
			cmd.GetRequestId().GetSequence(), cmd.GetRequestId().GetClient(), err))
	}
	if !answers(result, cmd) {
		return unanswered(r, logv1.Reason_REASON_INVALID_ARGUMENT,
			"this request id was used for a request of another kind; number new requests upwards")
	}
	result.Replayed = true
	eachClaim(cmd, result, func(queue string, claim *logv1.ClaimJobsResult) {
		current := claim.Jobs[:0]
		for _, job := range claim.GetJobs() {
			if full := claimedJob(r, queue, job.GetJobId(), job.GetReceipt()); full != nil {
				current = append(current, full)
			}
		}
		claim.Jobs = current
	})
	return result
}

// answers reports whether a result can be a command's: results have the numbers
// of their commands. A refusal can be any command's.
func answers(result *logv1.Result, cmd *logv1.Command) bool {
	given, asked := result.ProtoReflect(), cmd.ProtoReflect()
	body := given.WhichOneof(given.Descriptor().Oneofs().ByName("body"))
	if body == nil {
		return true
	}
	kind := asked.WhichOneof(asked.Descriptor().Oneofs().ByName("body"))
	return kind != nil && kind.Number() == body.Number()
}

// eachClaim visits the claims of a result with the queues that they are from,
// which only the command tells.
func eachClaim(cmd *logv1.Command, result *logv1.Result, visit func(queue string, claim *logv1.ClaimJobsResult)) {
	if claim := result.GetClaimJobs(); claim != nil {
		visit(cmd.GetClaimJobs().GetQueue(), claim)
	}
	if txn := result.GetTxn(); txn != nil {
		eachTxnClaim(cmd.GetTxn(), txn, visit)
	}
}

func eachTxnClaim(cmd *logv1.Txn, result *logv1.TxnResult, visit func(queue string, claim *logv1.ClaimJobsResult)) {
	ops := cmd.GetFailure()
	if result.GetSucceeded() {
		ops = cmd.GetSuccess()
	}
	for i, op := range result.GetResults()[:min(len(ops), len(result.GetResults()))] {
		if claim := op.GetClaimJobs(); claim != nil {
			visit(ops[i].GetClaimJobs().GetQueue(), claim)
		}
		if nested := op.GetTxn(); nested != nil {
			eachTxnClaim(ops[i].GetTxn(), nested, visit)
		}
	}
}
