package recipes

import (
	"fmt"
	"maps"
	"slices"

	"github.com/conclavehq/conclave/internal/keys"
	"github.com/conclavehq/conclave/internal/planted"
	logv1 "github.com/conclavehq/conclave/proto/gen/conclave/log/v1"
	storagev1 "github.com/conclavehq/conclave/proto/gen/conclave/storage/v1"
)

// How an instance left the registry, when it was not lost with its session.
const instanceDeregistered = "deregistered"

// Bounds of an instance's metadata, whatever the caller is.
const (
	maxMetadataEntries = 64
	maxMetadataBytes   = 4 << 10
)

// RegisterInstance makes an instance known for as long as its session lives. The
// same session may register it again to change all of it; another session may
// not take its id.
//
//	             update, register again
//	              ┌────────┐
//	              ▼        │
//	register ─▶ KNOWN (STARTING ⇄ SERVING ⇄ WARNING ⇄ DRAINING ⇄ DOWN)
//	              │
//	              └── deregister, or the session ends ──▶ gone
func RegisterInstance(tx Tx, cmd *logv1.RegisterInstance) (*logv1.RegisterInstanceResult, *logv1.Refusal) {
	in := cmd.GetInstance()
	if !leaseExists(tx, in.GetLeaseId()) {
		return nil, noLease(in.GetLeaseId())
	}
	rec := &storagev1.InstanceRecord{}
	if load(tx, instanceKey(tx, in.GetService(), in.GetId()), rec) {
		if refusal := checkInstanceOwner(rec, in.GetService(), in.GetId(), in.GetLeaseId()); refusal != nil {
			return nil, refusal
		}
	}

	revision := int64(tx.NextRevision())
	rec = &storagev1.InstanceRecord{
		Address:        in.GetAddress(),
		Metadata:       in.GetMetadata(),
		Weight:         max(in.GetWeight(), 1),
		Zone:           in.GetZone(),
		Status:         in.GetStatus(),
		LeaseId:        in.GetLeaseId(),
		Card:           sessionCard(tx, in.GetLeaseId(), in.GetCard()),
		CreateRevision: rec.GetCreateRevision(),
		ModRevision:    revision,
	}
	if rec.CreateRevision == 0 {
		rec.CreateRevision = revision
	}
	if rec.Status == logv1.InstanceStatus_INSTANCE_STATUS_UNSPECIFIED {
		rec.Status = logv1.InstanceStatus_INSTANCE_STATUS_SERVING
	}
	own(tx, rec.LeaseId, ownedInstance, instanceColumns(in.GetService(), in.GetId()))
	return &logv1.RegisterInstanceResult{Instance: saveInstance(tx, in.GetService(), in.GetId(), rec)}, nil
}

// UpdateInstance changes some of an instance: its status (draining, say), its
// weight, or single entries of its metadata. A command that changes nothing
// takes no revision and tells nobody.
func UpdateInstance(tx Tx, cmd *logv1.UpdateInstance) (*logv1.UpdateInstanceResult, *logv1.Refusal) {
	rec, refusal := loadInstance(tx, cmd.GetService(), cmd.GetId(), cmd.GetLeaseId())
	if refusal != nil {
		return nil, refusal
	}
	before := rec.CloneVT()
	if cmd.GetStatus() != logv1.InstanceStatus_INSTANCE_STATUS_UNSPECIFIED {
		rec.Status = cmd.GetStatus()
	}
	if cmd.Weight != nil {
		rec.Weight = cmd.GetWeight()
	}
	for _, key := range slices.Sorted(maps.Keys(cmd.GetMetadata())) {
		value := cmd.GetMetadata()[key]
		if value == "" {
			delete(rec.Metadata, key)
			continue
		}
		if rec.Metadata == nil {
			rec.Metadata = map[string]string{}
		}
		rec.Metadata[key] = value
	}
	if refusal := checkMetadata(rec.GetMetadata()); refusal != nil {
		return nil, refusal
	}
	if rec.EqualVT(before) {
		return &logv1.UpdateInstanceResult{Instance: instanceInfo(cmd.GetService(), cmd.GetId(), rec)}, nil
	}
	rec.ModRevision = int64(tx.NextRevision())
	return &logv1.UpdateInstanceResult{Instance: saveInstance(tx, cmd.GetService(), cmd.GetId(), rec)}, nil
}

// checkMetadata refuses what many small updates could pile up.
func checkMetadata(metadata map[string]string) *logv1.Refusal {
	size := 0
	for _, key := range slices.Sorted(maps.Keys(metadata)) {
		size += len(key) + len(metadata[key])
	}
	if len(metadata) > maxMetadataEntries || size > maxMetadataBytes {
		return refuse(logv1.Reason_REASON_TOO_MANY,
			"an instance has at most %d metadata entries and %d bytes in them", maxMetadataEntries, maxMetadataBytes)
	}
	return nil
}

// DeregisterInstance removes an instance.
func DeregisterInstance(tx Tx, cmd *logv1.DeregisterInstance) (*logv1.DeregisterInstanceResult, *logv1.Refusal) {
	rec, refusal := loadInstance(tx, cmd.GetService(), cmd.GetId(), cmd.GetLeaseId())
	if refusal != nil {
		return nil, refusal
	}
	disown(tx, rec.GetLeaseId(), ownedInstance, instanceColumns(cmd.GetService(), cmd.GetId()))
	removeInstance(tx, cmd.GetService(), cmd.GetId(), rec, instanceDeregistered)
	return &logv1.DeregisterInstanceResult{}, nil
}

// loseInstance removes an instance whose session has ended, in the commit that
// ends it (promise T4): nobody is sent to a dead copy after that.
func loseInstance(tx Tx, service, id string, leaseID int64, cause string) {
	rec := &storagev1.InstanceRecord{}
	if !load(tx, instanceKey(tx, service, id), rec) || rec.GetLeaseId() != leaseID {
		panic(fmt.Sprintf("recipes: lease %d owns instance %q of %q, which lease %d registered", leaseID, id, service, rec.GetLeaseId()))
	}
	if planted.Bug == planted.DeadInstanceListed && cause == "session expired" {
		return // mutant_24 (Consul's and Eureka's stale catalogs): callers are sent to the dead
	}
	removeInstance(tx, service, id, rec, cause)
}

// loadInstance reads an instance that a session, or an administrator (lease 0),
// wants to change.
func loadInstance(r Reader, service, id string, leaseID int64) (*storagev1.InstanceRecord, *logv1.Refusal) {
	rec := &storagev1.InstanceRecord{}
	if !load(r, instanceKey(r, service, id), rec) {
		return nil, refuse(logv1.Reason_REASON_INSTANCE_NOT_FOUND, "service %q has no instance %q", service, id)
	}
	if leaseID != 0 {
		if refusal := checkInstanceOwner(rec, service, id, leaseID); refusal != nil {
			return nil, refusal
		}
	}
	return rec, nil
}

// checkInstanceOwner refuses a session that is not the one that registered.
func checkInstanceOwner(rec *storagev1.InstanceRecord, service, id string, leaseID int64) *logv1.Refusal {
	if rec.GetLeaseId() == leaseID {
		return nil
	}
	refusal := refuse(logv1.Reason_REASON_INSTANCE_EXISTS,
		"instance %q of %q is registered by another session", id, service)
	refusal.Holder = rec.GetCard()
	return refusal
}

// saveInstance writes an instance and tells who watches the service.
func saveInstance(tx Tx, service, id string, rec *storagev1.InstanceRecord) *logv1.Instance {
	save(tx, instanceKey(tx, service, id), rec)
	info := instanceInfo(service, id, rec)
	tx.Emit(&logv1.Event{Body: &logv1.Event_Instance{Instance: &logv1.InstanceEvent{Instance: info}}})
	return info
}

// removeInstance deletes an instance and tells who watches the service. The
// event has the instance as it was, changed at the revision of its end.
func removeInstance(tx Tx, service, id string, rec *storagev1.InstanceRecord, cause string) {
	tx.Delete(instanceKey(tx, service, id))
	rec.ModRevision = int64(tx.NextRevision())
	tx.Emit(&logv1.Event{Body: &logv1.Event_Instance{Instance: &logv1.InstanceEvent{
		Instance: instanceInfo(service, id, rec),
		Removed:  true,
		Cause:    cause,
	}}})
}

// instanceKey returns the key of an instance.
func instanceKey(r Reader, service, id string) []byte {
	return append(keys.Prefix(r.Namespace(), keys.Instance), instanceColumns(service, id)...)
}

// instanceInfo is an instance as others see it.
func instanceInfo(service, id string, rec *storagev1.InstanceRecord) *logv1.Instance {
	return &logv1.Instance{
		Service:        service,
		Id:             id,
		Address:        rec.GetAddress(),
		Metadata:       rec.GetMetadata(),
		Weight:         rec.GetWeight(),
		Zone:           rec.GetZone(),
		Status:         rec.GetStatus(),
		LeaseId:        rec.GetLeaseId(),
		Card:           rec.GetCard(),
		CreateRevision: rec.GetCreateRevision(),
		ModRevision:    rec.GetModRevision(),
	}
}
