package rpc

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"connectrpc.com/connect"
	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/protobuf/proto"

	"github.com/conclavehq/conclave/internal/wire"
	conclavev1 "github.com/conclavehq/conclave/proto/gen/conclave/v1"
	"github.com/conclavehq/conclave/proto/gen/conclave/v1/conclavev1connect"
)

// procedure is a unary call as the pipeline carries it out.
type procedure struct {
	// name is that of the unary call, for metrics and logs.
	name string
	// One of these is there: the first half of a call that shares a trip with
	// others, or all of a call that does not.
	change   func(request []byte) (anyChange, error)
	question func(request []byte) (anyQuestion, error)
	call     func(ctx context.Context, request []byte) (proto.Message, error)
	// waits says that a call may stay open for long and can be given up.
	waits bool

	succeeded atomic.Pointer[succeeded]
}

// succeeded are the metrics of calls that go well, found once.
type succeeded struct {
	requests prometheus.Counter
	seconds  prometheus.Observer
}

// ok counts a call that went well.
func (p *procedure) ok(m *metrics, began time.Time) {
	found := p.succeeded.Load()
	if found == nil {
		found = &succeeded{
			requests: m.requests.WithLabelValues(p.name, codeName(nil)),
			seconds:  m.seconds.WithLabelValues(p.name),
		}
		p.succeeded.Store(found)
	}
	found.requests.Inc()
	found.seconds.Observe(time.Since(began).Seconds())
}

// request is a request message that decodes without reflection.
type request[Req any] interface {
	*Req
	wire.Message
}

// changing is a mutation that is answered at once.
func changing[Req, Res any, P request[Req]](name string, plan func(*Req) (change[Res], error)) *procedure {
	return &procedure{name: name, change: func(data []byte) (anyChange, error) {
		req, err := decode[Req, P](data)
		if err != nil {
			return nil, err
		}
		return plan(req)
	}}
}

// standing is a mutation that may stand in line.
func standing[Req, Res any, P request[Req]](name string, plan func(*Req) (change[Res], error)) *procedure {
	p := changing[Req, Res, P](name, plan)
	p.waits = true
	return p
}

// asking is a read.
func asking[Req, Res any, P request[Req]](name string, plan func(*Req) (question[Res], error)) *procedure {
	return &procedure{name: name, question: func(data []byte) (anyQuestion, error) {
		req, err := decode[Req, P](data)
		if err != nil {
			return nil, err
		}
		return plan(req)
	}}
}

// calling is any other call.
func calling[Req, Res any, P request[Req]](name string, handle func(context.Context, *Req) (*Res, error)) *procedure {
	return &procedure{name: name, call: func(ctx context.Context, data []byte) (proto.Message, error) {
		req, err := decode[Req, P](data)
		if err != nil {
			return nil, err
		}
		res, err := handle(ctx, req)
		if err != nil {
			return nil, err
		}
		return any(res).(proto.Message), nil
	}}
}

// polling is a read that may wait for news.
func polling[Req, Res any, P request[Req]](name string, handle func(context.Context, *Req) (*Res, error)) *procedure {
	p := calling[Req, Res, P](name, handle)
	p.waits = true
	return p
}

// decode reads a request. Its strings are parts of data, which nobody uses
// again.
func decode[Req any, P request[Req]](data []byte) (*Req, error) {
	req := new(Req)
	if err := P(req).UnmarshalVTUnsafe(data); err != nil {
		return nil, &failure{
			code:    connect.CodeInvalidArgument,
			message: fmt.Sprintf("the request is not a %s", any(req).(proto.Message).ProtoReflect().Descriptor().Name()),
			info:    &conclavev1.ErrorInfo{Reason: conclavev1.ErrorReason_ERROR_REASON_INVALID_ARGUMENT},
		}
	}
	return req, nil
}

// procedures are all that the pipeline carries, by number.
type procedures []*procedure

// unknown answers what a newer caller asks for.
var unknown = &procedure{
	name: conclavev1connect.PipelineServiceName + "/Unknown",
	call: func(context.Context, []byte) (proto.Message, error) {
		return nil, &failure{
			code:    connect.CodeUnimplemented,
			message: "this node does not know the procedure; it may be older than the caller",
			info:    &conclavev1.ErrorInfo{},
		}
	},
}

func (p procedures) find(number conclavev1.Procedure) *procedure {
	if number < 0 || int(number) >= len(p) || p[number] == nil {
		return unknown
	}
	return p[number]
}

// newProcedures makes the table. A test holds that no unary call is missing.
func newProcedures(s *core, nodes clusterHandler) procedures {
	lease, mutex, election := leaseHandler{s}, mutexHandler{s}, electionHandler{s}
	queue, registry, namespace, transfer := queueHandler{s}, registryHandler{s}, namespaceHandler{s}, transferHandler{s}
	table := map[conclavev1.Procedure]*procedure{
		conclavev1.Procedure_PROCEDURE_KV_PUT:     changing(conclavev1connect.KVServicePutProcedure, planPut),
		conclavev1.Procedure_PROCEDURE_KV_GET:     asking(conclavev1connect.KVServiceGetProcedure, planGet),
		conclavev1.Procedure_PROCEDURE_KV_RANGE:   asking(conclavev1connect.KVServiceRangeProcedure, planRange),
		conclavev1.Procedure_PROCEDURE_KV_DELETE:  changing(conclavev1connect.KVServiceDeleteProcedure, planDelete),
		conclavev1.Procedure_PROCEDURE_KV_TXN:     changing(conclavev1connect.KVServiceTxnProcedure, planTxn),
		conclavev1.Procedure_PROCEDURE_KV_COMPACT: changing(conclavev1connect.KVServiceCompactProcedure, planCompact),

		conclavev1.Procedure_PROCEDURE_LEASE_GRANT_LEASE:  changing(conclavev1connect.LeaseServiceGrantLeaseProcedure, planGrantLease),
		conclavev1.Procedure_PROCEDURE_LEASE_RENEW_LEASE:  changing(conclavev1connect.LeaseServiceRenewLeaseProcedure, planRenewLease),
		conclavev1.Procedure_PROCEDURE_LEASE_REVOKE_LEASE: changing(conclavev1connect.LeaseServiceRevokeLeaseProcedure, planRevokeLease),
		conclavev1.Procedure_PROCEDURE_LEASE_GET_LEASE:    calling(conclavev1connect.LeaseServiceGetLeaseProcedure, lease.GetLease),
		conclavev1.Procedure_PROCEDURE_LEASE_LIST_LEASES:  calling(conclavev1connect.LeaseServiceListLeasesProcedure, lease.ListLeases),

		conclavev1.Procedure_PROCEDURE_MUTEX_ACQUIRE_MUTEX:  standing(conclavev1connect.MutexServiceAcquireMutexProcedure, planAcquireMutex),
		conclavev1.Procedure_PROCEDURE_MUTEX_RELEASE_MUTEX:  changing(conclavev1connect.MutexServiceReleaseMutexProcedure, planReleaseMutex),
		conclavev1.Procedure_PROCEDURE_MUTEX_CANCEL_ACQUIRE: changing(conclavev1connect.MutexServiceCancelAcquireProcedure, planCancelAcquire),
		conclavev1.Procedure_PROCEDURE_MUTEX_BREAK_MUTEX:    changing(conclavev1connect.MutexServiceBreakMutexProcedure, planBreakMutex),
		conclavev1.Procedure_PROCEDURE_MUTEX_GET_MUTEX:      calling(conclavev1connect.MutexServiceGetMutexProcedure, mutex.GetMutex),
		conclavev1.Procedure_PROCEDURE_MUTEX_LIST_MUTEXES:   calling(conclavev1connect.MutexServiceListMutexesProcedure, mutex.ListMutexes),

		conclavev1.Procedure_PROCEDURE_ELECTION_CAMPAIGN:        standing(conclavev1connect.ElectionServiceCampaignProcedure, planCampaign),
		conclavev1.Procedure_PROCEDURE_ELECTION_PROCLAIM:        changing(conclavev1connect.ElectionServiceProclaimProcedure, planProclaim),
		conclavev1.Procedure_PROCEDURE_ELECTION_RESIGN:          changing(conclavev1connect.ElectionServiceResignProcedure, planResign),
		conclavev1.Procedure_PROCEDURE_ELECTION_CANCEL_CAMPAIGN: changing(conclavev1connect.ElectionServiceCancelCampaignProcedure, planCancelCampaign),
		conclavev1.Procedure_PROCEDURE_ELECTION_HAND_OVER:       changing(conclavev1connect.ElectionServiceHandOverProcedure, planHandOver),
		conclavev1.Procedure_PROCEDURE_ELECTION_GET_ELECTION:    polling(conclavev1connect.ElectionServiceGetElectionProcedure, election.GetElection),
		conclavev1.Procedure_PROCEDURE_ELECTION_LIST_ELECTIONS:  calling(conclavev1connect.ElectionServiceListElectionsProcedure, election.ListElections),

		conclavev1.Procedure_PROCEDURE_QUEUE_ENQUEUE:      changing(conclavev1connect.QueueServiceEnqueueProcedure, planEnqueue),
		conclavev1.Procedure_PROCEDURE_QUEUE_CLAIM_JOBS:   standing(conclavev1connect.QueueServiceClaimJobsProcedure, planClaimJobs),
		conclavev1.Procedure_PROCEDURE_QUEUE_EXTEND_CLAIM: changing(conclavev1connect.QueueServiceExtendClaimProcedure, planExtendClaim),
		conclavev1.Procedure_PROCEDURE_QUEUE_ACK_JOB:      changing(conclavev1connect.QueueServiceAckJobProcedure, planAckJob),
		conclavev1.Procedure_PROCEDURE_QUEUE_NACK_JOB:     changing(conclavev1connect.QueueServiceNackJobProcedure, planNackJob),
		conclavev1.Procedure_PROCEDURE_QUEUE_BURY_JOB:     changing(conclavev1connect.QueueServiceBuryJobProcedure, planBuryJob),
		conclavev1.Procedure_PROCEDURE_QUEUE_KICK_JOBS:    changing(conclavev1connect.QueueServiceKickJobsProcedure, planKickJobs),
		conclavev1.Procedure_PROCEDURE_QUEUE_CANCEL_JOB:   changing(conclavev1connect.QueueServiceCancelJobProcedure, planCancelJob),
		conclavev1.Procedure_PROCEDURE_QUEUE_CANCEL_CLAIM: changing(conclavev1connect.QueueServiceCancelClaimProcedure, planCancelClaim),
		conclavev1.Procedure_PROCEDURE_QUEUE_GET_JOB:      calling(conclavev1connect.QueueServiceGetJobProcedure, queue.GetJob),
		conclavev1.Procedure_PROCEDURE_QUEUE_PEEK_JOBS:    calling(conclavev1connect.QueueServicePeekJobsProcedure, queue.PeekJobs),
		conclavev1.Procedure_PROCEDURE_QUEUE_GET_QUEUE:    calling(conclavev1connect.QueueServiceGetQueueProcedure, queue.GetQueue),
		conclavev1.Procedure_PROCEDURE_QUEUE_LIST_QUEUES:  calling(conclavev1connect.QueueServiceListQueuesProcedure, queue.ListQueues),

		conclavev1.Procedure_PROCEDURE_REGISTRY_REGISTER_INSTANCE:   changing(conclavev1connect.RegistryServiceRegisterInstanceProcedure, planRegisterInstance),
		conclavev1.Procedure_PROCEDURE_REGISTRY_UPDATE_INSTANCE:     changing(conclavev1connect.RegistryServiceUpdateInstanceProcedure, planUpdateInstance),
		conclavev1.Procedure_PROCEDURE_REGISTRY_DEREGISTER_INSTANCE: changing(conclavev1connect.RegistryServiceDeregisterInstanceProcedure, planDeregisterInstance),
		conclavev1.Procedure_PROCEDURE_REGISTRY_LIST_INSTANCES:      polling(conclavev1connect.RegistryServiceListInstancesProcedure, registry.ListInstances),
		conclavev1.Procedure_PROCEDURE_REGISTRY_LIST_SERVICES:       calling(conclavev1connect.RegistryServiceListServicesProcedure, registry.ListServices),

		conclavev1.Procedure_PROCEDURE_NAMESPACE_CREATE_NAMESPACE: calling(conclavev1connect.NamespaceServiceCreateNamespaceProcedure, namespace.CreateNamespace),
		conclavev1.Procedure_PROCEDURE_NAMESPACE_DELETE_NAMESPACE: calling(conclavev1connect.NamespaceServiceDeleteNamespaceProcedure, namespace.DeleteNamespace),
		conclavev1.Procedure_PROCEDURE_NAMESPACE_LIST_NAMESPACES:  calling(conclavev1connect.NamespaceServiceListNamespacesProcedure, namespace.ListNamespaces),

		conclavev1.Procedure_PROCEDURE_CLUSTER_GET_STATUS:     calling(conclavev1connect.ClusterServiceGetStatusProcedure, nodes.GetStatus),
		conclavev1.Procedure_PROCEDURE_CLUSTER_LIST_MEMBERS:   calling(conclavev1connect.ClusterServiceListMembersProcedure, nodes.ListMembers),
		conclavev1.Procedure_PROCEDURE_CLUSTER_MOVE_LEADER:    calling(conclavev1connect.ClusterServiceMoveLeaderProcedure, nodes.MoveLeader),
		conclavev1.Procedure_PROCEDURE_CLUSTER_REPLACE_MEMBER: calling(conclavev1connect.ClusterServiceReplaceMemberProcedure, nodes.ReplaceMember),
		conclavev1.Procedure_PROCEDURE_CLUSTER_COMPARE_HASHES: calling(conclavev1connect.ClusterServiceCompareHashesProcedure, nodes.CompareHashes),

		conclavev1.Procedure_PROCEDURE_TRANSFER_IMPORT_KEYS:   changing(conclavev1connect.TransferServiceImportKeysProcedure, planImportKeys),
		conclavev1.Procedure_PROCEDURE_TRANSFER_GET_IMPORT:    calling(conclavev1connect.TransferServiceGetImportProcedure, transfer.GetImport),
		conclavev1.Procedure_PROCEDURE_TRANSFER_EXPORT_KEYS:   asking(conclavev1connect.TransferServiceExportKeysProcedure, planExportKeys),
		conclavev1.Procedure_PROCEDURE_TRANSFER_EXPORT_LEASES: calling(conclavev1connect.TransferServiceExportLeasesProcedure, transfer.ExportLeases),

		conclavev1.Procedure_PROCEDURE_WATCH_POLL_WATCH: polling(conclavev1connect.WatchServicePollWatchProcedure, watchHandler{s}.PollWatch),
	}
	var list procedures
	for number, p := range table {
		for int(number) >= len(list) {
			list = append(list, nil)
		}
		list[number] = p
	}
	return list
}
