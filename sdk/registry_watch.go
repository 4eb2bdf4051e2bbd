package conclave

import (
	"cmp"
	"context"
	"iter"
	"maps"
	"slices"

	conclavev1 "github.com/conclavehq/conclave/proto/gen/conclave/v1"
)

// InstancesUpdate is one step of WatchInstances.
type InstancesUpdate struct {
	Revision Revision
	// Instances are all there are now, by service and id. The slice is the
	// receiver's own.
	Instances []Instance
	// Changes are what led here. Snapshot says that some may be missing, as at
	// the beginning and after a reconnect: only Instances counts then.
	Changes  []InstanceChange
	Snapshot bool
}

// InstanceChange is one instance that came, changed or went.
type InstanceChange struct {
	Instance Instance
	Removed  bool
	// Cause says why it was removed, e.g. "session expired".
	Cause string
}

// WatchInstances tells the instances of a service: first all that there are,
// then each change together with the new whole. The empty service means all
// services. It resumes by itself.
func (c *Client) WatchInstances(ctx context.Context, service string) iter.Seq2[InstancesUpdate, error] {
	return func(yield func(InstancesUpdate, error) bool) {
		known := instanceSet{}
		open := func() *conclavev1.WatchInstancesRequest {
			return &conclavev1.WatchInstancesRequest{Namespace: c.where(), Service: service}
		}
		err := follow(ctx, c, (*services).WatchInstances, open, func(res *conclavev1.WatchInstancesResponse) bool {
			return yield(known.apply(res), nil)
		})
		if err != nil {
			yield(InstancesUpdate{}, during(err, "watch instances of service %q", service))
		}
	}
}

type instanceName struct{ service, id string }

// instanceSet is all that a watcher knows.
type instanceSet map[instanceName]Instance

func (known instanceSet) apply(res *conclavev1.WatchInstancesResponse) InstancesUpdate {
	update := InstancesUpdate{Revision: Revision(res.GetRevision()), Snapshot: res.GetSnapshot()}
	if res.GetSnapshot() {
		clear(known)
	}
	for _, change := range res.GetChanges() {
		instance := instanceFrom(change.GetInstance())
		name := instanceName{instance.Service, instance.ID}
		if change.GetRemoved() {
			delete(known, name)
		} else {
			known[name] = instance
		}
		update.Changes = append(update.Changes, InstanceChange{
			Instance: instance,
			Removed:  change.GetRemoved(),
			Cause:    change.GetCause(),
		})
	}
	update.Instances = slices.SortedFunc(maps.Values(known), func(a, b Instance) int {
		return cmp.Or(cmp.Compare(a.Service, b.Service), cmp.Compare(a.ID, b.ID))
	})
	return update
}

// ServiceInfo counts a service's instances.
type ServiceInfo struct {
	Service string
	// Instances counts all, Healthy those that serve.
	Instances, Healthy int64
}

// Services goes through the services that have instances and whose names start
// with prefix, by name, page by page.
func (c *Client) Services(ctx context.Context, prefix string) iter.Seq2[ServiceInfo, error] {
	return func(yield func(ServiceInfo, error) bool) {
		after := ""
		for {
			res, err := read(ctx, c, (*services).ListServices, &conclavev1.ListServicesRequest{
				Namespace: c.where(),
				Prefix:    prefix,
				After:     after,
				Limit:     pageSize,
			})
			if err != nil {
				yield(ServiceInfo{}, during(err, "list services"))
				return
			}
			for _, s := range res.GetServices() {
				after = s.GetService()
				info := ServiceInfo{Service: s.GetService(), Instances: s.GetInstances(), Healthy: s.GetServing()}
				if !yield(info, nil) {
					return
				}
			}
			if !res.GetMore() {
				return
			}
		}
	}
}
