package rpc

import (
	"time"

	conclavev1 "github.com/conclavehq/conclave/proto/gen/conclave/v1"
)

func (c *check) acquireMutex(req *conclavev1.AcquireMutexRequest) {
	c.name("name", req.GetName())
	c.lease("lease_id", req.GetLeaseId())
	c.wait(req.GetWait(), req.GetWaitForever())
	c.duration("lock_delay", req.GetLockDelay(), 0, maxLockDelay)
	c.card(req.GetCard())
}

func (c *check) campaign(req *conclavev1.CampaignRequest) {
	c.name("name", req.GetName())
	c.lease("lease_id", req.GetLeaseId())
	c.value("value", req.GetValue(), maxSmallBytes)
	c.priority(req.GetPriority())
	c.wait(req.GetWait(), req.GetWaitForever())
	c.card(req.GetCard())
}

func (c *check) priority(priority int32) {
	between(c, "priority", priority, -maxAbsPriority, maxAbsPriority)
}

func (c *check) enqueue(req *conclavev1.EnqueueRequest) {
	c.name("queue", req.GetQueue())
	c.value("body", req.GetBody(), maxValueBytes)
	c.priority(req.GetPriority())
	c.duration("delay", req.GetDelay(), 0, maxJobDelay)
	c.optionalName("group", req.GetGroup())
	c.optionalName("dedup_id", req.GetDedupId())
	between(c, "max_attempts", req.GetMaxAttempts(), 0, maxAttempts)
	c.duration("backoff.initial", req.GetBackoff().GetInitial(), 0, maxTTL)
	c.duration("backoff.max", req.GetBackoff().GetMax(), time.Millisecond, maxTTL)
	c.duration("retain", req.GetRetain(), 0, maxJobDelay)
	c.labels("headers", req.GetHeaders())
}

func (c *check) claimJobs(req *conclavev1.ClaimJobsRequest) {
	c.name("queue", req.GetQueue())
	c.lease("lease_id", req.GetLeaseId())
	if req.GetMax() < 0 || req.GetMax() > maxPage {
		c.invalid("max", "must be 0 (for 1) to %d, not %d", maxPage, req.GetMax())
	}
	c.duration("claim_for", req.GetClaimFor(), minTTL, maxTTL)
	c.wait(req.GetWait(), req.GetWaitForever())
	c.card(req.GetCard())
}

func (c *check) jobID(field string, id uint64) {
	if id == 0 {
		c.invalid(field, "is missing; give the id of a job")
	}
}

func (c *check) ackJob(req *conclavev1.AckJobRequest) {
	c.claim(req)
	c.value("result", req.GetResult(), maxSmallBytes)
}

func (c *check) nackJob(req *conclavev1.NackJobRequest) {
	c.claim(req)
	c.duration("delay", req.GetDelay(), 0, maxJobDelay)
	c.text("reason", req.GetReason(), maxTextBytes)
}

// claim is what names a claimed job.
func (c *check) claim(req interface {
	GetQueue() string
	GetJobId() uint64
	GetReceipt() int64
}) {
	c.name("queue", req.GetQueue())
	c.jobID("job_id", req.GetJobId())
	c.token("receipt", req.GetReceipt())
}

func (c *check) registerInstance(i *conclavev1.Instance) {
	if i == nil {
		c.invalid("instance", "is missing")
		return
	}
	c.name("instance.service", i.GetService())
	c.name("instance.id", i.GetId())
	c.optionalName("instance.address", i.GetAddress())
	c.labels("instance.metadata", i.GetMetadata())
	between(c, "instance.weight", i.GetWeight(), 0, maxWeight)
	c.optionalName("instance.zone", i.GetZone())
	known(c, "instance.status", i.GetStatus(), conclavev1.InstanceStatus_name)
	c.lease("instance.lease_id", i.GetLeaseId())
	c.card(i.GetCard())
}

func (c *check) updateInstance(req *conclavev1.UpdateInstanceRequest) {
	c.name("service", req.GetService())
	c.name("id", req.GetId())
	c.optionalLease("lease_id", req.GetLeaseId())
	known(c, "status", req.GetStatus(), conclavev1.InstanceStatus_name)
	between(c, "weight", req.GetWeight(), 0, maxWeight)
	c.labels("metadata", req.GetMetadata())
}

// listing is what questions for a page of names have in common.
func (c *check) listing(req interface {
	GetNamespace() string
	GetPrefix() string
	GetAfter() string
	GetLimit() int32
}) {
	c.namespace(req.GetNamespace())
	c.optionalName("prefix", req.GetPrefix())
	c.optionalName("after", req.GetAfter())
	c.page("limit", req.GetLimit())
}
