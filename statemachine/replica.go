package statemachine

import (
	"fmt"

	"github.com/conclavehq/conclave/internal/keys"
	"github.com/conclavehq/conclave/internal/planted"
	logv1 "github.com/conclavehq/conclave/proto/gen/conclave/log/v1"
	"github.com/conclavehq/conclave/statemachine/entry"
)

// admit decides whether a batch may be applied, and moves epoch and log clock
// if so. A batch is refused whole unless it comes from the leader that claimed
// the shard last, begins with that claim, or needs no leader (promise T2).
func (a *applier) admit(e entry.Entry) *logv1.Refusal {
	epoch := e.Header.GetEpoch()
	switch {
	case epoch == 0:
		return a.admitLeaderless(e.Commands)
	case epoch > a.shard.GetEpoch() && claims(e.Commands, epoch):
		a.shard.Epoch = epoch
	// mutant_06 (etcd #15247 and #12528): what a deposed leader proposed counts, its
	// expiries of leases that were renewed elsewhere, and writes that were proposed
	// again because they could not count.
	case planted.Bug == planted.StaleEpochCounts && epoch < a.shard.GetEpoch():
	case epoch != a.shard.GetEpoch():
		return a.stale(epoch)
	}
	a.shard.ClockMs = max(a.shard.GetClockMs(), e.Header.GetClockMs())
	return nil
}

// admitLeaderless admits what a node may log before any leader claimed the
// shard: that it exists. It does not move the clock.
func (a *applier) admitLeaderless(commands []*logv1.Command) *logv1.Refusal {
	for _, command := range commands {
		if command.GetRegisterNode() == nil {
			return a.stale(0)
		}
	}
	return nil
}

// claims reports whether a batch begins with the claim of its own epoch.
func claims(commands []*logv1.Command, epoch uint64) bool {
	return len(commands) > 0 && commands[0].GetClaimEpoch().GetEpoch() == epoch
}

func (a *applier) stale(epoch uint64) *logv1.Refusal {
	return &logv1.Refusal{
		Reason: logv1.Reason_REASON_STALE_EPOCH,
		Detail: fmt.Sprintf("the batch is of epoch %d and the current one is %d", epoch, a.shard.GetEpoch()),
	}
}

// replicaCommand applies the commands that concern the replica as a whole; own
// is false for all others. They are not deduplicated: applying them twice is
// applying them once.
func (a *applier) replicaCommand(t *tx, command *logv1.Command) (result *logv1.Result, own bool) {
	switch command.GetBody().(type) {
	case *logv1.Command_ClaimEpoch:
		result = &logv1.Result{Body: &logv1.Result_ClaimEpoch{ClaimEpoch: &logv1.ClaimEpochResult{
			Epoch: a.shard.GetEpoch(), ClockMs: a.shard.GetClockMs(),
		}}}
	case *logv1.Command_DropNamespace:
		result = &logv1.Result{Refusal: a.dropNamespace(t.ns)}
		if result.Refusal == nil {
			result.Body = &logv1.Result_DropNamespace{DropNamespace: &logv1.DropNamespaceResult{}}
		}
	case *logv1.Command_ComputeHash:
		a.hash = true
		result = &logv1.Result{Body: &logv1.Result_ComputeHash{ComputeHash: &logv1.ComputeHashResult{
			Index: a.shard.GetAppliedIndex(),
		}}}
	default:
		return nil, false
	}
	result.Revision = t.revision
	return result, true
}

// dropNamespace removes everything in a namespace but the note that it was
// dropped, so that no late command brings it back.
func (a *applier) dropNamespace(ns *namespace) *logv1.Refusal {
	if ns.id == keys.Shard {
		return &logv1.Refusal{
			Reason: logv1.Reason_REASON_INVALID_ARGUMENT,
			Detail: "the shard's own namespace cannot be dropped",
		}
	}
	if ns.dropped {
		return nil
	}
	if planted.Bug == planted.NamespaceLeavesKeys {
		return nil // mutant_21 (ids that come again, as with inodes): the next one of the name has the keys of the last
	}
	a.batch.DeletePrefix(keys.NamespacePrefix(ns.id))
	ns.dropped, ns.changed = true, true
	a.dropped = append(a.dropped, ns.id)
	return nil
}
