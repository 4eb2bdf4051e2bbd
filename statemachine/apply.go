package statemachine

import (
	"fmt"

	"google.golang.org/protobuf/proto"

	logv1 "github.com/conclavehq/conclave/proto/gen/conclave/log/v1"
	"github.com/conclavehq/conclave/recipes"
)

// outdated tells the operator what to do about an unknown command.
const outdated = "the program is older than the leader that proposed it and must be upgraded"

// apply runs the rule of a command and puts its result into out. It is the one
// place where a command meets its recipe. ClaimEpoch, DropNamespace and
// ComputeHash concern the replica and not a recipe: see replica.go.
//
// A command that this program does not know stops the replica: skipping it
// would make the replica differ from the others silently. The cluster's format
// version sees to it that such a command is not proposed (promise S4).
func apply(tx recipes.Tx, command *logv1.Command, out *logv1.Result) *logv1.Refusal {
	switch c := command.GetBody().(type) {
	case *logv1.Command_Put:
		return run(tx, recipes.Put, c.Put, func(r *logv1.PutResult) { out.Body = &logv1.Result_Put{Put: r} })
	case *logv1.Command_DeleteRange:
		return run(tx, recipes.DeleteRange, c.DeleteRange, func(r *logv1.DeleteRangeResult) { out.Body = &logv1.Result_DeleteRange{DeleteRange: r} })
	case *logv1.Command_Txn:
		return run(tx, recipes.Txn, c.Txn, func(r *logv1.TxnResult) { out.Body = &logv1.Result_Txn{Txn: r} })
	case *logv1.Command_Compact:
		return run(tx, recipes.Compact, c.Compact, func(r *logv1.CompactResult) { out.Body = &logv1.Result_Compact{Compact: r} })
	case *logv1.Command_ImportKeys:
		return run(tx, recipes.ImportKeys, c.ImportKeys, func(r *logv1.ImportKeysResult) { out.Body = &logv1.Result_ImportKeys{ImportKeys: r} })

	case *logv1.Command_GrantLease:
		return run(tx, recipes.GrantLease, c.GrantLease, func(r *logv1.GrantLeaseResult) { out.Body = &logv1.Result_GrantLease{GrantLease: r} })
	case *logv1.Command_RevokeLease:
		return run(tx, recipes.RevokeLease, c.RevokeLease, func(r *logv1.RevokeLeaseResult) { out.Body = &logv1.Result_RevokeLease{RevokeLease: r} })
	case *logv1.Command_RenewLease:
		return run(tx, recipes.RenewLease, c.RenewLease, func(r *logv1.RenewLeaseResult) { out.Body = &logv1.Result_RenewLease{RenewLease: r} })
	case *logv1.Command_ExpireTimers:
		return run(tx, recipes.ExpireTimers, c.ExpireTimers, func(r *logv1.ExpireTimersResult) { out.Body = &logv1.Result_ExpireTimers{ExpireTimers: r} })

	case *logv1.Command_AcquireMutex:
		return run(tx, recipes.AcquireMutex, c.AcquireMutex, func(r *logv1.AcquireMutexResult) { out.Body = &logv1.Result_AcquireMutex{AcquireMutex: r} })
	case *logv1.Command_ReleaseMutex:
		return run(tx, recipes.ReleaseMutex, c.ReleaseMutex, func(r *logv1.ReleaseMutexResult) { out.Body = &logv1.Result_ReleaseMutex{ReleaseMutex: r} })
	case *logv1.Command_CancelAcquire:
		return run(tx, recipes.CancelAcquire, c.CancelAcquire, func(r *logv1.CancelAcquireResult) { out.Body = &logv1.Result_CancelAcquire{CancelAcquire: r} })
	case *logv1.Command_BreakMutex:
		return run(tx, recipes.BreakMutex, c.BreakMutex, func(r *logv1.BreakMutexResult) { out.Body = &logv1.Result_BreakMutex{BreakMutex: r} })

	case *logv1.Command_Campaign:
		return run(tx, recipes.Campaign, c.Campaign, func(r *logv1.CampaignResult) { out.Body = &logv1.Result_Campaign{Campaign: r} })
	case *logv1.Command_Proclaim:
		return run(tx, recipes.Proclaim, c.Proclaim, func(r *logv1.ProclaimResult) { out.Body = &logv1.Result_Proclaim{Proclaim: r} })
	case *logv1.Command_Resign:
		return run(tx, recipes.Resign, c.Resign, func(r *logv1.ResignResult) { out.Body = &logv1.Result_Resign{Resign: r} })
	case *logv1.Command_CancelCampaign:
		return run(tx, recipes.CancelCampaign, c.CancelCampaign, func(r *logv1.CancelCampaignResult) { out.Body = &logv1.Result_CancelCampaign{CancelCampaign: r} })
	case *logv1.Command_HandOver:
		return run(tx, recipes.HandOver, c.HandOver, func(r *logv1.HandOverResult) { out.Body = &logv1.Result_HandOver{HandOver: r} })

	case *logv1.Command_Enqueue:
		return run(tx, recipes.Enqueue, c.Enqueue, func(r *logv1.EnqueueResult) { out.Body = &logv1.Result_Enqueue{Enqueue: r} })
	case *logv1.Command_ClaimJobs:
		return run(tx, recipes.ClaimJobs, c.ClaimJobs, func(r *logv1.ClaimJobsResult) { out.Body = &logv1.Result_ClaimJobs{ClaimJobs: r} })
	case *logv1.Command_ExtendClaim:
		return run(tx, recipes.ExtendClaim, c.ExtendClaim, func(r *logv1.ExtendClaimResult) { out.Body = &logv1.Result_ExtendClaim{ExtendClaim: r} })
	case *logv1.Command_AckJob:
		return run(tx, recipes.AckJob, c.AckJob, func(r *logv1.AckJobResult) { out.Body = &logv1.Result_AckJob{AckJob: r} })
	case *logv1.Command_NackJob:
		return run(tx, recipes.NackJob, c.NackJob, func(r *logv1.NackJobResult) { out.Body = &logv1.Result_NackJob{NackJob: r} })
	case *logv1.Command_BuryJob:
		return run(tx, recipes.BuryJob, c.BuryJob, func(r *logv1.BuryJobResult) { out.Body = &logv1.Result_BuryJob{BuryJob: r} })
	case *logv1.Command_KickJobs:
		return run(tx, recipes.KickJobs, c.KickJobs, func(r *logv1.KickJobsResult) { out.Body = &logv1.Result_KickJobs{KickJobs: r} })
	case *logv1.Command_CancelJob:
		return run(tx, recipes.CancelJob, c.CancelJob, func(r *logv1.CancelJobResult) { out.Body = &logv1.Result_CancelJob{CancelJob: r} })
	case *logv1.Command_CancelClaim:
		return run(tx, recipes.CancelClaim, c.CancelClaim, func(r *logv1.CancelClaimResult) { out.Body = &logv1.Result_CancelClaim{CancelClaim: r} })

	case *logv1.Command_RegisterInstance:
		return run(tx, recipes.RegisterInstance, c.RegisterInstance, func(r *logv1.RegisterInstanceResult) { out.Body = &logv1.Result_RegisterInstance{RegisterInstance: r} })
	case *logv1.Command_UpdateInstance:
		return run(tx, recipes.UpdateInstance, c.UpdateInstance, func(r *logv1.UpdateInstanceResult) { out.Body = &logv1.Result_UpdateInstance{UpdateInstance: r} })
	case *logv1.Command_DeregisterInstance:
		return run(tx, recipes.DeregisterInstance, c.DeregisterInstance, func(r *logv1.DeregisterInstanceResult) {
			out.Body = &logv1.Result_DeregisterInstance{DeregisterInstance: r}
		})

	case *logv1.Command_RegisterNode:
		return run(tx, recipes.RegisterNode, c.RegisterNode, func(r *logv1.RegisterNodeResult) { out.Body = &logv1.Result_RegisterNode{RegisterNode: r} })
	case *logv1.Command_ReplaceNode:
		return run(tx, recipes.ReplaceNode, c.ReplaceNode, func(r *logv1.ReplaceNodeResult) { out.Body = &logv1.Result_ReplaceNode{ReplaceNode: r} })
	case *logv1.Command_CreateNamespace:
		return run(tx, recipes.CreateNamespace, c.CreateNamespace, func(r *logv1.CreateNamespaceResult) { out.Body = &logv1.Result_CreateNamespace{CreateNamespace: r} })
	case *logv1.Command_DeleteNamespace:
		return run(tx, recipes.DeleteNamespace, c.DeleteNamespace, func(r *logv1.DeleteNamespaceResult) { out.Body = &logv1.Result_DeleteNamespace{DeleteNamespace: r} })

	default:
		panic(fmt.Sprintf("statemachine: a command is unknown to this program (%s); %s", describe(command), outdated))
	}
}

// run calls a rule; a refused command has no result body. A command with a
// field that this program does not know is as unknown as a whole one.
func run[C, R any](
	tx recipes.Tx, rule func(recipes.Tx, *C) (*R, *logv1.Refusal), command *C, set func(*R),
) *logv1.Refusal {
	if unknown := any(command).(proto.Message).ProtoReflect().GetUnknown(); len(unknown) > 0 {
		panic(fmt.Sprintf("statemachine: a %T has fields that are unknown to this program (%x); %s", command, unknown, outdated))
	}
	result, refusal := rule(tx, command)
	if refusal == nil {
		set(result)
	}
	return refusal
}

// describe names a command that has no known body: by the numbers of the
// fields that it has instead.
func describe(command *logv1.Command) string {
	return fmt.Sprintf("namespace %d, undecoded bytes %x", command.GetNamespaceId(), command.ProtoReflect().GetUnknown())
}
