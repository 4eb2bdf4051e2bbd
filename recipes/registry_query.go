package recipes

import (
	"fmt"

	"github.com/conclavehq/conclave/internal/keys"
	logv1 "github.com/conclavehq/conclave/proto/gen/conclave/log/v1"
	storagev1 "github.com/conclavehq/conclave/proto/gen/conclave/storage/v1"
)

// ListInstances answers which instances a service has, or all services have, by
// service and id. A watch from the answer's revision on goes on without a gap.
func ListInstances(r Reader, q *logv1.ListInstances) (*logv1.ListInstancesResult, *logv1.Refusal) {
	page := newPage(q.GetLimit())
	from := keys.Prefix(r.Namespace(), keys.Instance)
	if q.GetService() != "" {
		from = keys.Name(from, q.GetService())
	}
	to := keys.After(from)
	if q.GetAfterId() != "" {
		service := q.GetService()
		if service == "" {
			service = q.GetAfterService()
		}
		from = keys.After(instanceKey(r, service, q.GetAfterId()))
	}
	result := &logv1.ListInstancesResult{Revision: int64(r.Revision())}
	scanInstances(r, from, to, func(service, id string, rec *storagev1.InstanceRecord) bool {
		if !page.take() {
			result.More = true
			return false
		}
		result.Instances = append(result.Instances, instanceInfo(service, id, rec))
		return true
	})
	return result, nil
}

// ListServices answers which services have instances, by name. A service exists
// while it has one.
func ListServices(r Reader, q *logv1.ListServices) (*logv1.ListServicesResult, *logv1.Refusal) {
	page := newPage(q.GetLimit())
	table := keys.Prefix(r.Namespace(), keys.Instance)
	from := append(keys.Prefix(r.Namespace(), keys.Instance), q.GetPrefix()...)
	to := keys.After(from)
	if q.GetAfter() != "" && q.GetAfter() >= q.GetPrefix() {
		from = keys.After(keys.Name(table, q.GetAfter()))
	}
	result := &logv1.ListServicesResult{}
	var current *logv1.ServiceSummary
	scanInstances(r, from, to, func(service, _ string, rec *storagev1.InstanceRecord) bool {
		if current == nil || current.Service != service {
			if !page.take() {
				result.More = true
				return false
			}
			current = &logv1.ServiceSummary{Service: service}
			result.Services = append(result.Services, current)
		}
		current.Instances++
		if rec.GetStatus() == logv1.InstanceStatus_INSTANCE_STATUS_SERVING {
			current.Serving++
		}
		return true
	})
	return result, nil
}

// scanInstances visits the instances in a range of keys.
func scanInstances(r Reader, from, to []byte, visit func(service, id string, rec *storagev1.InstanceRecord) bool) {
	header := len(keys.Prefix(r.Namespace(), keys.Instance))
	r.Scan(from, to, func(key, value []byte) bool {
		service, rest, err := keys.ReadName(key[header:])
		if err != nil {
			panic(fmt.Sprintf("recipes: instance key %x: %v", key, err))
		}
		id, _, err := keys.ReadName(rest)
		if err != nil {
			panic(fmt.Sprintf("recipes: instance key %x: %v", key, err))
		}
		rec := &storagev1.InstanceRecord{}
		decode(key, value, rec)
		return visit(service, id, rec)
	})
}
