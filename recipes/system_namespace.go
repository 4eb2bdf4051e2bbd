package recipes

import (
	"slices"

	"github.com/conclavehq/conclave/internal/keys"
	"github.com/conclavehq/conclave/internal/planted"
	logv1 "github.com/conclavehq/conclave/proto/gen/conclave/log/v1"
	storagev1 "github.com/conclavehq/conclave/proto/gen/conclave/storage/v1"
)

const (
	// defaultNamespace exists from the start, with the first id, and for good.
	defaultNamespace   = "default"
	defaultNamespaceID = 1
)

// CreateNamespace makes a namespace on the data shard that has the fewest, the
// lowest shard id first. Its id is new: ids of deleted namespaces do not return,
// so late commands for them find nothing.
func CreateNamespace(tx Tx, cmd *logv1.CreateNamespace) (*logv1.CreateNamespaceResult, *logv1.Refusal) {
	name := cmd.GetName()
	switch {
	case name == "":
		return nil, refuse(logv1.Reason_REASON_INVALID_ARGUMENT, "a namespace has a name")
	case len(cmd.GetShardIds()) == 0:
		return nil, refuse(logv1.Reason_REASON_INVALID_ARGUMENT, "there is no data shard for namespace %q", name)
	case tx.Get(namespaceKey(tx, name)) != nil:
		return nil, refuse(logv1.Reason_REASON_NAMESPACE_EXISTS, "namespace %q exists", name)
	}

	id := uint32(defaultNamespaceID)
	if name != defaultNamespace {
		numbers := loadNumbers(tx)
		numbers.LastNamespaceId = max(numbers.LastNamespaceId, defaultNamespaceID) + 1
		saveNumbers(tx, numbers)
		id = numbers.LastNamespaceId
	}
	rec := &storagev1.PlacementRecord{
		Id:        id,
		ShardId:   emptiestShard(tx, cmd.GetShardIds()),
		State:     logv1.Namespace_STATE_ACTIVE,
		CreatedMs: tx.WallMS(),
	}
	return &logv1.CreateNamespaceResult{Namespace: saveNamespace(tx, name, rec)}, nil
}

// emptiestShard is the shard with the fewest namespaces. One that is being
// deleted counts: its data is still there.
func emptiestShard(r Reader, shardIDs []uint64) uint64 {
	shards := slices.Compact(slices.Sorted(slices.Values(shardIDs)))
	namespaces := make([]int, len(shards))
	scanNamespaces(r, func(_ string, rec *storagev1.PlacementRecord) {
		if i := slices.Index(shards, rec.GetShardId()); i >= 0 {
			namespaces[i]++
		}
	})
	return shards[slices.Index(namespaces, slices.Min(namespaces))]
}

// DeleteNamespace marks a namespace as deleting, so that nobody uses it any
// more, and removes its record once its shard has dropped the data.
func DeleteNamespace(tx Tx, cmd *logv1.DeleteNamespace) (*logv1.DeleteNamespaceResult, *logv1.Refusal) {
	name := cmd.GetName()
	rec := &storagev1.PlacementRecord{}
	if !load(tx, namespaceKey(tx, name), rec) {
		return nil, refuse(logv1.Reason_REASON_NAMESPACE_NOT_FOUND, "there is no namespace %q", name)
	}
	deleting := rec.GetState() == logv1.Namespace_STATE_DELETING
	switch {
	case name == defaultNamespace:
		return nil, refuse(logv1.Reason_REASON_INVALID_ARGUMENT, "namespace %q can not be deleted", name)
	case cmd.GetFinished() && !deleting:
		return nil, refuse(logv1.Reason_REASON_WRONG_STATE, "namespace %q is not being deleted", name)
	case cmd.GetFinished():
		tx.NextRevision()
		tx.Delete(namespaceKey(tx, name))
		if numbers := loadNumbers(tx); planted.Bug == planted.NamespaceLeavesKeys && numbers.LastNamespaceId == rec.GetId() {
			numbers.LastNamespaceId--
			saveNumbers(tx, numbers)
		}
		info := namespaceInfo(name, rec)
		tx.Emit(&logv1.Event{Body: &logv1.Event_System{System: &logv1.SystemEvent{Namespace: info, Removed: true}}})
		return &logv1.DeleteNamespaceResult{Namespace: info}, nil
	case deleting:
		return &logv1.DeleteNamespaceResult{Namespace: namespaceInfo(name, rec)}, nil
	}
	rec.State = logv1.Namespace_STATE_DELETING
	return &logv1.DeleteNamespaceResult{Namespace: saveNamespace(tx, name, rec)}, nil
}

// ListNamespaces answers for all namespaces, by name.
func ListNamespaces(r Reader, _ *logv1.ListNamespaces) (*logv1.ListNamespacesResult, *logv1.Refusal) {
	result := &logv1.ListNamespacesResult{}
	scanNamespaces(r, func(name string, rec *storagev1.PlacementRecord) {
		result.Namespaces = append(result.Namespaces, namespaceInfo(name, rec))
	})
	return result, nil
}

func scanNamespaces(r Reader, visit func(name string, rec *storagev1.PlacementRecord)) {
	scanNames(r, keys.NamespaceRecord, "", "", func(name string, key, value []byte) bool {
		rec := &storagev1.PlacementRecord{}
		decode(key, value, rec)
		visit(name, rec)
		return true
	})
}

// saveNamespace writes a namespace and tells whoever routes by it.
func saveNamespace(tx Tx, name string, rec *storagev1.PlacementRecord) *logv1.Namespace {
	tx.NextRevision()
	save(tx, namespaceKey(tx, name), rec)
	info := namespaceInfo(name, rec)
	tx.Emit(&logv1.Event{Body: &logv1.Event_System{System: &logv1.SystemEvent{Namespace: info}}})
	return info
}

func namespaceKey(r Reader, name string) []byte {
	return keys.Name(keys.Prefix(r.Namespace(), keys.NamespaceRecord), name)
}

func namespaceInfo(name string, rec *storagev1.PlacementRecord) *logv1.Namespace {
	return &logv1.Namespace{
		Name:      name,
		Id:        rec.GetId(),
		ShardId:   rec.GetShardId(),
		State:     rec.GetState(),
		CreatedMs: rec.GetCreatedMs(),
	}
}
