package conclave

import (
	"context"
	"iter"
	"maps"

	conclavev1 "github.com/conclavehq/conclave/proto/gen/conclave/v1"
)

// InstanceStatus is how an instance is.
type InstanceStatus int32

// How an instance can be.
const (
	Starting = InstanceStatus(conclavev1.InstanceStatus_INSTANCE_STATUS_STARTING)
	Serving  = InstanceStatus(conclavev1.InstanceStatus_INSTANCE_STATUS_SERVING)
	Warning  = InstanceStatus(conclavev1.InstanceStatus_INSTANCE_STATUS_WARNING)
	// Draining is leaving: finish what you have with it, start nothing new.
	Draining = InstanceStatus(conclavev1.InstanceStatus_INSTANCE_STATUS_DRAINING)
	Down     = InstanceStatus(conclavev1.InstanceStatus_INSTANCE_STATUS_DOWN)
)

var instanceStatuses = map[InstanceStatus]string{
	Starting: "starting", Serving: "serving", Warning: "warning", Draining: "draining", Down: "down",
}

// String names the status.
func (s InstanceStatus) String() string {
	if name, ok := instanceStatuses[s]; ok {
		return name
	}
	return "unknown"
}

// ParseInstanceStatus reads the name of a status, e.g. "draining".
func ParseInstanceStatus(name string) (InstanceStatus, error) {
	for status, known := range instanceStatuses {
		if known == name {
			return status, nil
		}
	}
	return 0, invalid("%q is no status of an instance; there are starting, serving, warning, draining and down", name)
}

// Instance is one running copy of a service.
type Instance struct {
	// Service and ID name it; Address is where it is, e.g. "10.0.0.7:80".
	Service, ID, Address string
	// Metadata is what clients should know besides.
	Metadata map[string]string
	// Weight is its share of the load. 0 when registering: 1.
	Weight int
	Zone   string
	// Status: 0 when registering means Serving.
	Status InstanceStatus

	// Set by the service: the session that it lives under, who that is, and the
	// revisions of its registration and its last change.
	Lease             LeaseID
	Card              Card
	Created, Modified Revision
}

// Register adds an instance under the session, or replaces the session's own. It
// is gone when it is deregistered, and within the session's TTL when the
// process dies. It fails with ErrInstanceExists when another session has
// registered it.
func (s *Session) Register(ctx context.Context, instance Instance) (*Registration, error) {
	if err := s.err(); err != nil {
		return nil, err
	}
	req := &conclavev1.RegisterInstanceRequest{
		Namespace: s.client.where(),
		Instance: &conclavev1.Instance{
			Service:  instance.Service,
			Id:       instance.ID,
			Address:  instance.Address,
			Metadata: maps.Clone(instance.Metadata),
			Weight:   uint32(max(0, instance.Weight)),
			Zone:     instance.Zone,
			Status:   conclavev1.InstanceStatus(instance.Status),
			LeaseId:  int64(s.id),
			Card:     s.card,
		},
	}
	res, err := mutate(ctx, s.client, (*services).RegisterInstance, req, &req.RequestId)
	if err != nil {
		return nil, during(err, "register %s of service %q", instance.ID, instance.Service)
	}
	return newRegistration(s, instanceFrom(res.GetInstance())), nil
}

// UpdateOption changes an instance.
type UpdateOption interface {
	applyUpdate(*conclavev1.UpdateInstanceRequest)
}

type updateOptionFunc func(*conclavev1.UpdateInstanceRequest)

func (f updateOptionFunc) applyUpdate(req *conclavev1.UpdateInstanceRequest) { f(req) }

// SetStatus changes the status.
func SetStatus(status InstanceStatus) UpdateOption {
	return updateOptionFunc(func(req *conclavev1.UpdateInstanceRequest) {
		req.Status = conclavev1.InstanceStatus(status)
	})
}

// SetWeight changes the weight.
func SetWeight(weight int) UpdateOption {
	return updateOptionFunc(func(req *conclavev1.UpdateInstanceRequest) {
		w := uint32(max(0, weight))
		req.Weight = &w
	})
}

// SetMetadata sets entries; an empty value removes one.
func SetMetadata(metadata map[string]string) UpdateOption {
	return updateOptionFunc(func(req *conclavev1.UpdateInstanceRequest) { req.Metadata = maps.Clone(metadata) })
}

// UpdateInstance changes an instance of any session, as an administrator.
func (c *Client) UpdateInstance(ctx context.Context, service, id string, opts ...UpdateOption) (Instance, error) {
	return c.updateInstance(ctx, service, id, 0, opts)
}

// DeregisterInstance removes an instance of any session, as an administrator.
func (c *Client) DeregisterInstance(ctx context.Context, service, id string) error {
	return c.deregisterInstance(ctx, service, id, 0)
}

func (c *Client) updateInstance(ctx context.Context, service, id string, owner LeaseID, opts []UpdateOption) (Instance, error) {
	req := &conclavev1.UpdateInstanceRequest{Namespace: c.where(), Service: service, Id: id, LeaseId: int64(owner)}
	for _, opt := range opts {
		opt.applyUpdate(req)
	}
	res, err := mutate(ctx, c, (*services).UpdateInstance, req, &req.RequestId)
	if err != nil {
		return Instance{}, during(err, "update %s of service %q", id, service)
	}
	return instanceFrom(res.GetInstance()), nil
}

func (c *Client) deregisterInstance(ctx context.Context, service, id string, owner LeaseID) error {
	req := &conclavev1.DeregisterInstanceRequest{Namespace: c.where(), Service: service, Id: id, LeaseId: int64(owner)}
	_, err := mutate(ctx, c, (*services).DeregisterInstance, req, &req.RequestId)
	return during(err, "deregister %s of service %q", id, service)
}

// Instances goes through the instances of a service, by id, page by page. The
// empty service means all services.
func (c *Client) Instances(ctx context.Context, service string) iter.Seq2[Instance, error] {
	return func(yield func(Instance, error) bool) {
		req := &conclavev1.ListInstancesRequest{Namespace: c.where(), Service: service, Limit: pageSize}
		for {
			res, err := read(ctx, c, (*services).ListInstances, req)
			if err != nil {
				yield(Instance{}, during(err, "list instances of service %q", service))
				return
			}
			for _, instance := range res.GetInstances() {
				req.AfterService, req.AfterId = instance.GetService(), instance.GetId()
				if !yield(instanceFrom(instance), nil) {
					return
				}
			}
			if !res.GetMore() {
				return
			}
		}
	}
}

func instanceFrom(i *conclavev1.Instance) Instance {
	return Instance{
		Service:  i.GetService(),
		ID:       i.GetId(),
		Address:  i.GetAddress(),
		Metadata: i.GetMetadata(),
		Weight:   int(i.GetWeight()),
		Zone:     i.GetZone(),
		Status:   InstanceStatus(i.GetStatus()),
		Lease:    LeaseID(i.GetLeaseId()),
		Card:     cardFrom(i.GetCard()),
		Created:  Revision(i.GetCreateRevision()),
		Modified: Revision(i.GetModRevision()),
	}
}
