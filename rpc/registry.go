package rpc

import (
	"context"

	"connectrpc.com/connect"

	logv1 "github.com/conclavehq/conclave/proto/gen/conclave/log/v1"
	conclavev1 "github.com/conclavehq/conclave/proto/gen/conclave/v1"
)

type registryHandler struct{ *core }

func (h registryHandler) RegisterInstance(ctx context.Context, req *conclavev1.RegisterInstanceRequest) (*conclavev1.RegisterInstanceResponse, error) {
	return mutate(ctx, h.core, req, planRegisterInstance)
}

func planRegisterInstance(req *conclavev1.RegisterInstanceRequest) (out change[conclavev1.RegisterInstanceResponse], err error) {
	if err := validated(req, func(c *check) { c.registerInstance(req.GetInstance()) }); err != nil {
		return out, err
	}
	register := &logv1.RegisterInstance{Instance: logInstance(req.GetInstance())}
	out.of, out.command = req, &logv1.Command{Body: &logv1.Command_RegisterInstance{RegisterInstance: register}}
	out.respond = func(result *logv1.Result) *conclavev1.RegisterInstanceResponse {
		return &conclavev1.RegisterInstanceResponse{
			Revision: result.GetRevision(),
			Instance: instance(result.GetRegisterInstance().GetInstance()),
		}
	}
	return out, nil
}

func (h registryHandler) UpdateInstance(ctx context.Context, req *conclavev1.UpdateInstanceRequest) (*conclavev1.UpdateInstanceResponse, error) {
	return mutate(ctx, h.core, req, planUpdateInstance)
}

func planUpdateInstance(req *conclavev1.UpdateInstanceRequest) (out change[conclavev1.UpdateInstanceResponse], err error) {
	if err := validated(req, func(c *check) { c.updateInstance(req) }); err != nil {
		return out, err
	}
	update := &logv1.UpdateInstance{
		Service:  req.GetService(),
		Id:       req.GetId(),
		LeaseId:  req.GetLeaseId(),
		Status:   logv1.InstanceStatus(req.GetStatus()),
		Weight:   req.Weight,
		Metadata: req.GetMetadata(),
	}
	out.of, out.command = req, &logv1.Command{Body: &logv1.Command_UpdateInstance{UpdateInstance: update}}
	out.respond = func(result *logv1.Result) *conclavev1.UpdateInstanceResponse {
		return &conclavev1.UpdateInstanceResponse{
			Revision: result.GetRevision(),
			Instance: instance(result.GetUpdateInstance().GetInstance()),
		}
	}
	return out, nil
}

func (h registryHandler) DeregisterInstance(ctx context.Context, req *conclavev1.DeregisterInstanceRequest) (*conclavev1.DeregisterInstanceResponse, error) {
	return mutate(ctx, h.core, req, planDeregisterInstance)
}

func planDeregisterInstance(req *conclavev1.DeregisterInstanceRequest) (out change[conclavev1.DeregisterInstanceResponse], err error) {
	err = validated(req, func(c *check) {
		c.name("service", req.GetService())
		c.name("id", req.GetId())
		c.optionalLease("lease_id", req.GetLeaseId())
	})
	if err != nil {
		return out, err
	}
	remove := &logv1.DeregisterInstance{Service: req.GetService(), Id: req.GetId(), LeaseId: req.GetLeaseId()}
	out.of, out.command = req, &logv1.Command{Body: &logv1.Command_DeregisterInstance{DeregisterInstance: remove}}
	out.respond = func(result *logv1.Result) *conclavev1.DeregisterInstanceResponse {
		return &conclavev1.DeregisterInstanceResponse{Revision: result.GetRevision()}
	}
	return out, nil
}

func (h registryHandler) ListInstances(ctx context.Context, req *conclavev1.ListInstancesRequest) (*conclavev1.ListInstancesResponse, error) {
	err := asked(req, func(c *check) {
		c.optionalName("service", req.GetService())
		c.optionalName("after_service", req.GetAfterService())
		c.optionalName("after_id", req.GetAfterId())
		c.page("limit", req.GetLimit())
		c.wait(req.GetWait(), false)
		c.revision("after_revision", req.GetAfterRevision())
		if req.GetAfterId() != "" && req.GetService() == "" && req.GetAfterService() == "" {
			c.invalid("after_service", "is missing; after_id names an instance of it")
		}
	})
	if err != nil {
		return nil, err
	}
	answer, err := h.pollInstances(ctx, req)
	if err != nil {
		return nil, err
	}
	page := answer.GetListInstances()
	return &conclavev1.ListInstancesResponse{
		Revision:  answer.GetRevision(),
		Instances: each(page.GetInstances(), instance),
		More:      page.GetMore(),
	}, nil
}

func (h registryHandler) ListServices(ctx context.Context, req *conclavev1.ListServicesRequest) (*conclavev1.ListServicesResponse, error) {
	if err := asked(req, func(c *check) { c.listing(req) }); err != nil {
		return nil, err
	}
	answer, err := h.query(ctx, req.GetNamespace(), linearizable, &logv1.Query{Body: &logv1.Query_ListServices{
		ListServices: &logv1.ListServices{Prefix: req.GetPrefix(), After: req.GetAfter(), Limit: pageSize(req.GetLimit())},
	}})
	if err != nil {
		return nil, err
	}
	page := answer.GetListServices()
	return &conclavev1.ListServicesResponse{
		Revision: answer.GetRevision(),
		Services: each(page.GetServices(), serviceSummary),
		More:     page.GetMore(),
	}, nil
}

func (h registryHandler) WatchInstances(ctx context.Context, req *conclavev1.WatchInstancesRequest, stream *connect.ServerStream[conclavev1.WatchInstancesResponse]) error {
	if err := asked(req, func(c *check) { c.optionalName("service", req.GetService()) }); err != nil {
		return err
	}
	return h.watchInstances(ctx, req, stream.Send)
}
