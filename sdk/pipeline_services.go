package conclave

import (
	"context"
	"errors"

	"github.com/conclavehq/conclave/internal/wire"
	conclavev1 "github.com/conclavehq/conclave/proto/gen/conclave/v1"
	"github.com/conclavehq/conclave/proto/gen/conclave/v1/conclavev1connect"
)

// pipelined are the services with their unary calls in a pipeline. Streams stay
// what they are.
func (s *services) pipelined(p *pipeline) *services {
	return &services{
		ClusterServiceClient:   pipedCluster{s.ClusterServiceClient, p},
		ElectionServiceClient:  pipedElection{s.ElectionServiceClient, p},
		KVServiceClient:        pipedKV{s.KVServiceClient, p},
		LeaseServiceClient:     pipedLease{s.LeaseServiceClient, p},
		MutexServiceClient:     pipedMutex{s.MutexServiceClient, p},
		NamespaceServiceClient: pipedNamespace{s.NamespaceServiceClient, p},
		QueueServiceClient:     pipedQueue{s.QueueServiceClient, p},
		RegistryServiceClient:  pipedRegistry{s.RegistryServiceClient, p},
		TransferServiceClient:  pipedTransfer{s.TransferServiceClient, p},
		WatchServiceClient:     pipedWatch{s.WatchServiceClient, p},

		piped: true,
	}
}

// piped makes a unary call through a pipeline, and by itself where that does not
// work.
func piped[Req, Res any](ctx context.Context, p *pipeline, procedure conclavev1.Procedure, req *Req,
	unary func(context.Context, *Req) (*Res, error)) (*Res, error) {
	res := new(Res)
	err := p.call(ctx, procedure, any(req).(wire.Message), any(res).(response))
	if errors.Is(err, errNotPiped) {
		ctx, cancel := watched(ctx)
		defer cancel()
		return unary(ctx, req)
	}
	if err != nil {
		return nil, err
	}
	return res, nil
}

type pipedKV struct {
	conclavev1connect.KVServiceClient
	pipeline *pipeline
}

func (p pipedKV) Put(ctx context.Context, req *conclavev1.PutRequest) (*conclavev1.PutResponse, error) {
	return piped(ctx, p.pipeline, conclavev1.Procedure_PROCEDURE_KV_PUT, req, p.KVServiceClient.Put)
}

func (p pipedKV) Get(ctx context.Context, req *conclavev1.GetRequest) (*conclavev1.GetResponse, error) {
	return piped(ctx, p.pipeline, conclavev1.Procedure_PROCEDURE_KV_GET, req, p.KVServiceClient.Get)
}

func (p pipedKV) Range(ctx context.Context, req *conclavev1.RangeRequest) (*conclavev1.RangeResponse, error) {
	return piped(ctx, p.pipeline, conclavev1.Procedure_PROCEDURE_KV_RANGE, req, p.KVServiceClient.Range)
}

func (p pipedKV) Delete(ctx context.Context, req *conclavev1.DeleteRequest) (*conclavev1.DeleteResponse, error) {
	return piped(ctx, p.pipeline, conclavev1.Procedure_PROCEDURE_KV_DELETE, req, p.KVServiceClient.Delete)
}

func (p pipedKV) Txn(ctx context.Context, req *conclavev1.TxnRequest) (*conclavev1.TxnResponse, error) {
	return piped(ctx, p.pipeline, conclavev1.Procedure_PROCEDURE_KV_TXN, req, p.KVServiceClient.Txn)
}

func (p pipedKV) Compact(ctx context.Context, req *conclavev1.CompactRequest) (*conclavev1.CompactResponse, error) {
	return piped(ctx, p.pipeline, conclavev1.Procedure_PROCEDURE_KV_COMPACT, req, p.KVServiceClient.Compact)
}

type pipedLease struct {
	conclavev1connect.LeaseServiceClient
	pipeline *pipeline
}

func (p pipedLease) GrantLease(ctx context.Context, req *conclavev1.GrantLeaseRequest) (*conclavev1.GrantLeaseResponse, error) {
	return piped(ctx, p.pipeline, conclavev1.Procedure_PROCEDURE_LEASE_GRANT_LEASE, req, p.LeaseServiceClient.GrantLease)
}

func (p pipedLease) RenewLease(ctx context.Context, req *conclavev1.RenewLeaseRequest) (*conclavev1.RenewLeaseResponse, error) {
	return piped(ctx, p.pipeline, conclavev1.Procedure_PROCEDURE_LEASE_RENEW_LEASE, req, p.LeaseServiceClient.RenewLease)
}

func (p pipedLease) RevokeLease(ctx context.Context, req *conclavev1.RevokeLeaseRequest) (*conclavev1.RevokeLeaseResponse, error) {
	return piped(ctx, p.pipeline, conclavev1.Procedure_PROCEDURE_LEASE_REVOKE_LEASE, req, p.LeaseServiceClient.RevokeLease)
}

func (p pipedLease) GetLease(ctx context.Context, req *conclavev1.GetLeaseRequest) (*conclavev1.GetLeaseResponse, error) {
	return piped(ctx, p.pipeline, conclavev1.Procedure_PROCEDURE_LEASE_GET_LEASE, req, p.LeaseServiceClient.GetLease)
}

func (p pipedLease) ListLeases(ctx context.Context, req *conclavev1.ListLeasesRequest) (*conclavev1.ListLeasesResponse, error) {
	return piped(ctx, p.pipeline, conclavev1.Procedure_PROCEDURE_LEASE_LIST_LEASES, req, p.LeaseServiceClient.ListLeases)
}

type pipedMutex struct {
	conclavev1connect.MutexServiceClient
	pipeline *pipeline
}

func (p pipedMutex) AcquireMutex(ctx context.Context, req *conclavev1.AcquireMutexRequest) (*conclavev1.AcquireMutexResponse, error) {
	return piped(ctx, p.pipeline, conclavev1.Procedure_PROCEDURE_MUTEX_ACQUIRE_MUTEX, req, p.MutexServiceClient.AcquireMutex)
}

func (p pipedMutex) ReleaseMutex(ctx context.Context, req *conclavev1.ReleaseMutexRequest) (*conclavev1.ReleaseMutexResponse, error) {
	return piped(ctx, p.pipeline, conclavev1.Procedure_PROCEDURE_MUTEX_RELEASE_MUTEX, req, p.MutexServiceClient.ReleaseMutex)
}

func (p pipedMutex) CancelAcquire(ctx context.Context, req *conclavev1.CancelAcquireRequest) (*conclavev1.CancelAcquireResponse, error) {
	return piped(ctx, p.pipeline, conclavev1.Procedure_PROCEDURE_MUTEX_CANCEL_ACQUIRE, req, p.MutexServiceClient.CancelAcquire)
}

func (p pipedMutex) BreakMutex(ctx context.Context, req *conclavev1.BreakMutexRequest) (*conclavev1.BreakMutexResponse, error) {
	return piped(ctx, p.pipeline, conclavev1.Procedure_PROCEDURE_MUTEX_BREAK_MUTEX, req, p.MutexServiceClient.BreakMutex)
}

func (p pipedMutex) GetMutex(ctx context.Context, req *conclavev1.GetMutexRequest) (*conclavev1.GetMutexResponse, error) {
	return piped(ctx, p.pipeline, conclavev1.Procedure_PROCEDURE_MUTEX_GET_MUTEX, req, p.MutexServiceClient.GetMutex)
}

func (p pipedMutex) ListMutexes(ctx context.Context, req *conclavev1.ListMutexesRequest) (*conclavev1.ListMutexesResponse, error) {
	return piped(ctx, p.pipeline, conclavev1.Procedure_PROCEDURE_MUTEX_LIST_MUTEXES, req, p.MutexServiceClient.ListMutexes)
}

type pipedElection struct {
	conclavev1connect.ElectionServiceClient
	pipeline *pipeline
}

func (p pipedElection) Campaign(ctx context.Context, req *conclavev1.CampaignRequest) (*conclavev1.CampaignResponse, error) {
	return piped(ctx, p.pipeline, conclavev1.Procedure_PROCEDURE_ELECTION_CAMPAIGN, req, p.ElectionServiceClient.Campaign)
}

func (p pipedElection) Proclaim(ctx context.Context, req *conclavev1.ProclaimRequest) (*conclavev1.ProclaimResponse, error) {
	return piped(ctx, p.pipeline, conclavev1.Procedure_PROCEDURE_ELECTION_PROCLAIM, req, p.ElectionServiceClient.Proclaim)
}

func (p pipedElection) Resign(ctx context.Context, req *conclavev1.ResignRequest) (*conclavev1.ResignResponse, error) {
	return piped(ctx, p.pipeline, conclavev1.Procedure_PROCEDURE_ELECTION_RESIGN, req, p.ElectionServiceClient.Resign)
}

func (p pipedElection) CancelCampaign(ctx context.Context, req *conclavev1.CancelCampaignRequest) (*conclavev1.CancelCampaignResponse, error) {
	return piped(ctx, p.pipeline, conclavev1.Procedure_PROCEDURE_ELECTION_CANCEL_CAMPAIGN, req, p.ElectionServiceClient.CancelCampaign)
}

func (p pipedElection) HandOver(ctx context.Context, req *conclavev1.HandOverRequest) (*conclavev1.HandOverResponse, error) {
	return piped(ctx, p.pipeline, conclavev1.Procedure_PROCEDURE_ELECTION_HAND_OVER, req, p.ElectionServiceClient.HandOver)
}

func (p pipedElection) GetElection(ctx context.Context, req *conclavev1.GetElectionRequest) (*conclavev1.GetElectionResponse, error) {
	return piped(ctx, p.pipeline, conclavev1.Procedure_PROCEDURE_ELECTION_GET_ELECTION, req, p.ElectionServiceClient.GetElection)
}

func (p pipedElection) ListElections(ctx context.Context, req *conclavev1.ListElectionsRequest) (*conclavev1.ListElectionsResponse, error) {
	return piped(ctx, p.pipeline, conclavev1.Procedure_PROCEDURE_ELECTION_LIST_ELECTIONS, req, p.ElectionServiceClient.ListElections)
}

type pipedQueue struct {
	conclavev1connect.QueueServiceClient
	pipeline *pipeline
}

func (p pipedQueue) Enqueue(ctx context.Context, req *conclavev1.EnqueueRequest) (*conclavev1.EnqueueResponse, error) {
	return piped(ctx, p.pipeline, conclavev1.Procedure_PROCEDURE_QUEUE_ENQUEUE, req, p.QueueServiceClient.Enqueue)
}

func (p pipedQueue) ClaimJobs(ctx context.Context, req *conclavev1.ClaimJobsRequest) (*conclavev1.ClaimJobsResponse, error) {
	return piped(ctx, p.pipeline, conclavev1.Procedure_PROCEDURE_QUEUE_CLAIM_JOBS, req, p.QueueServiceClient.ClaimJobs)
}

func (p pipedQueue) ExtendClaim(ctx context.Context, req *conclavev1.ExtendClaimRequest) (*conclavev1.ExtendClaimResponse, error) {
	return piped(ctx, p.pipeline, conclavev1.Procedure_PROCEDURE_QUEUE_EXTEND_CLAIM, req, p.QueueServiceClient.ExtendClaim)
}

func (p pipedQueue) AckJob(ctx context.Context, req *conclavev1.AckJobRequest) (*conclavev1.AckJobResponse, error) {
	return piped(ctx, p.pipeline, conclavev1.Procedure_PROCEDURE_QUEUE_ACK_JOB, req, p.QueueServiceClient.AckJob)
}

func (p pipedQueue) NackJob(ctx context.Context, req *conclavev1.NackJobRequest) (*conclavev1.NackJobResponse, error) {
	return piped(ctx, p.pipeline, conclavev1.Procedure_PROCEDURE_QUEUE_NACK_JOB, req, p.QueueServiceClient.NackJob)
}

func (p pipedQueue) BuryJob(ctx context.Context, req *conclavev1.BuryJobRequest) (*conclavev1.BuryJobResponse, error) {
	return piped(ctx, p.pipeline, conclavev1.Procedure_PROCEDURE_QUEUE_BURY_JOB, req, p.QueueServiceClient.BuryJob)
}

func (p pipedQueue) KickJobs(ctx context.Context, req *conclavev1.KickJobsRequest) (*conclavev1.KickJobsResponse, error) {
	return piped(ctx, p.pipeline, conclavev1.Procedure_PROCEDURE_QUEUE_KICK_JOBS, req, p.QueueServiceClient.KickJobs)
}

func (p pipedQueue) CancelJob(ctx context.Context, req *conclavev1.CancelJobRequest) (*conclavev1.CancelJobResponse, error) {
	return piped(ctx, p.pipeline, conclavev1.Procedure_PROCEDURE_QUEUE_CANCEL_JOB, req, p.QueueServiceClient.CancelJob)
}

func (p pipedQueue) CancelClaim(ctx context.Context, req *conclavev1.CancelClaimRequest) (*conclavev1.CancelClaimResponse, error) {
	return piped(ctx, p.pipeline, conclavev1.Procedure_PROCEDURE_QUEUE_CANCEL_CLAIM, req, p.QueueServiceClient.CancelClaim)
}

func (p pipedQueue) GetJob(ctx context.Context, req *conclavev1.GetJobRequest) (*conclavev1.GetJobResponse, error) {
	return piped(ctx, p.pipeline, conclavev1.Procedure_PROCEDURE_QUEUE_GET_JOB, req, p.QueueServiceClient.GetJob)
}

func (p pipedQueue) PeekJobs(ctx context.Context, req *conclavev1.PeekJobsRequest) (*conclavev1.PeekJobsResponse, error) {
	return piped(ctx, p.pipeline, conclavev1.Procedure_PROCEDURE_QUEUE_PEEK_JOBS, req, p.QueueServiceClient.PeekJobs)
}

func (p pipedQueue) GetQueue(ctx context.Context, req *conclavev1.GetQueueRequest) (*conclavev1.GetQueueResponse, error) {
	return piped(ctx, p.pipeline, conclavev1.Procedure_PROCEDURE_QUEUE_GET_QUEUE, req, p.QueueServiceClient.GetQueue)
}

func (p pipedQueue) ListQueues(ctx context.Context, req *conclavev1.ListQueuesRequest) (*conclavev1.ListQueuesResponse, error) {
	return piped(ctx, p.pipeline, conclavev1.Procedure_PROCEDURE_QUEUE_LIST_QUEUES, req, p.QueueServiceClient.ListQueues)
}

type pipedRegistry struct {
	conclavev1connect.RegistryServiceClient
	pipeline *pipeline
}

func (p pipedRegistry) RegisterInstance(ctx context.Context, req *conclavev1.RegisterInstanceRequest) (*conclavev1.RegisterInstanceResponse, error) {
	return piped(ctx, p.pipeline, conclavev1.Procedure_PROCEDURE_REGISTRY_REGISTER_INSTANCE, req, p.RegistryServiceClient.RegisterInstance)
}

func (p pipedRegistry) UpdateInstance(ctx context.Context, req *conclavev1.UpdateInstanceRequest) (*conclavev1.UpdateInstanceResponse, error) {
	return piped(ctx, p.pipeline, conclavev1.Procedure_PROCEDURE_REGISTRY_UPDATE_INSTANCE, req, p.RegistryServiceClient.UpdateInstance)
}

func (p pipedRegistry) DeregisterInstance(ctx context.Context, req *conclavev1.DeregisterInstanceRequest) (*conclavev1.DeregisterInstanceResponse, error) {
	return piped(ctx, p.pipeline, conclavev1.Procedure_PROCEDURE_REGISTRY_DEREGISTER_INSTANCE, req, p.RegistryServiceClient.DeregisterInstance)
}

func (p pipedRegistry) ListInstances(ctx context.Context, req *conclavev1.ListInstancesRequest) (*conclavev1.ListInstancesResponse, error) {
	return piped(ctx, p.pipeline, conclavev1.Procedure_PROCEDURE_REGISTRY_LIST_INSTANCES, req, p.RegistryServiceClient.ListInstances)
}

func (p pipedRegistry) ListServices(ctx context.Context, req *conclavev1.ListServicesRequest) (*conclavev1.ListServicesResponse, error) {
	return piped(ctx, p.pipeline, conclavev1.Procedure_PROCEDURE_REGISTRY_LIST_SERVICES, req, p.RegistryServiceClient.ListServices)
}

type pipedNamespace struct {
	conclavev1connect.NamespaceServiceClient
	pipeline *pipeline
}

func (p pipedNamespace) CreateNamespace(ctx context.Context, req *conclavev1.CreateNamespaceRequest) (*conclavev1.CreateNamespaceResponse, error) {
	return piped(ctx, p.pipeline, conclavev1.Procedure_PROCEDURE_NAMESPACE_CREATE_NAMESPACE, req, p.NamespaceServiceClient.CreateNamespace)
}

func (p pipedNamespace) DeleteNamespace(ctx context.Context, req *conclavev1.DeleteNamespaceRequest) (*conclavev1.DeleteNamespaceResponse, error) {
	return piped(ctx, p.pipeline, conclavev1.Procedure_PROCEDURE_NAMESPACE_DELETE_NAMESPACE, req, p.NamespaceServiceClient.DeleteNamespace)
}

func (p pipedNamespace) ListNamespaces(ctx context.Context, req *conclavev1.ListNamespacesRequest) (*conclavev1.ListNamespacesResponse, error) {
	return piped(ctx, p.pipeline, conclavev1.Procedure_PROCEDURE_NAMESPACE_LIST_NAMESPACES, req, p.NamespaceServiceClient.ListNamespaces)
}

type pipedCluster struct {
	conclavev1connect.ClusterServiceClient
	pipeline *pipeline
}

func (p pipedCluster) GetStatus(ctx context.Context, req *conclavev1.GetStatusRequest) (*conclavev1.GetStatusResponse, error) {
	return piped(ctx, p.pipeline, conclavev1.Procedure_PROCEDURE_CLUSTER_GET_STATUS, req, p.ClusterServiceClient.GetStatus)
}

func (p pipedCluster) ListMembers(ctx context.Context, req *conclavev1.ListMembersRequest) (*conclavev1.ListMembersResponse, error) {
	return piped(ctx, p.pipeline, conclavev1.Procedure_PROCEDURE_CLUSTER_LIST_MEMBERS, req, p.ClusterServiceClient.ListMembers)
}

func (p pipedCluster) MoveLeader(ctx context.Context, req *conclavev1.MoveLeaderRequest) (*conclavev1.MoveLeaderResponse, error) {
	return piped(ctx, p.pipeline, conclavev1.Procedure_PROCEDURE_CLUSTER_MOVE_LEADER, req, p.ClusterServiceClient.MoveLeader)
}

func (p pipedCluster) ReplaceMember(ctx context.Context, req *conclavev1.ReplaceMemberRequest) (*conclavev1.ReplaceMemberResponse, error) {
	return piped(ctx, p.pipeline, conclavev1.Procedure_PROCEDURE_CLUSTER_REPLACE_MEMBER, req, p.ClusterServiceClient.ReplaceMember)
}

func (p pipedCluster) CompareHashes(ctx context.Context, req *conclavev1.CompareHashesRequest) (*conclavev1.CompareHashesResponse, error) {
	return piped(ctx, p.pipeline, conclavev1.Procedure_PROCEDURE_CLUSTER_COMPARE_HASHES, req, p.ClusterServiceClient.CompareHashes)
}

type pipedTransfer struct {
	conclavev1connect.TransferServiceClient
	pipeline *pipeline
}

func (p pipedTransfer) ImportKeys(ctx context.Context, req *conclavev1.ImportKeysRequest) (*conclavev1.ImportKeysResponse, error) {
	return piped(ctx, p.pipeline, conclavev1.Procedure_PROCEDURE_TRANSFER_IMPORT_KEYS, req, p.TransferServiceClient.ImportKeys)
}

func (p pipedTransfer) GetImport(ctx context.Context, req *conclavev1.GetImportRequest) (*conclavev1.GetImportResponse, error) {
	return piped(ctx, p.pipeline, conclavev1.Procedure_PROCEDURE_TRANSFER_GET_IMPORT, req, p.TransferServiceClient.GetImport)
}

func (p pipedTransfer) ExportKeys(ctx context.Context, req *conclavev1.ExportKeysRequest) (*conclavev1.ExportKeysResponse, error) {
	return piped(ctx, p.pipeline, conclavev1.Procedure_PROCEDURE_TRANSFER_EXPORT_KEYS, req, p.TransferServiceClient.ExportKeys)
}

func (p pipedTransfer) ExportLeases(ctx context.Context, req *conclavev1.ExportLeasesRequest) (*conclavev1.ExportLeasesResponse, error) {
	return piped(ctx, p.pipeline, conclavev1.Procedure_PROCEDURE_TRANSFER_EXPORT_LEASES, req, p.TransferServiceClient.ExportLeases)
}

type pipedWatch struct {
	conclavev1connect.WatchServiceClient
	pipeline *pipeline
}

func (p pipedWatch) PollWatch(ctx context.Context, req *conclavev1.PollWatchRequest) (*conclavev1.PollWatchResponse, error) {
	return piped(ctx, p.pipeline, conclavev1.Procedure_PROCEDURE_WATCH_POLL_WATCH, req, p.WatchServiceClient.PollWatch)
}
