package rpc

import (
	"context"
	"errors"
	"slices"

	"github.com/conclavehq/conclave/cluster"
	logv1 "github.com/conclavehq/conclave/proto/gen/conclave/log/v1"
	conclavev1 "github.com/conclavehq/conclave/proto/gen/conclave/v1"
)

type namespaceHandler struct{ *core }

func (h namespaceHandler) CreateNamespace(ctx context.Context, req *conclavev1.CreateNamespaceRequest) (*conclavev1.CreateNamespaceResponse, error) {
	var c check
	c.namespaceName("name", req.GetName())
	if err := c.done(); err != nil {
		return nil, err
	}
	created, err := h.cluster.CreateNamespace(ctx, req.GetName())
	if err != nil {
		return nil, undecided(ctx, err)
	}
	return &conclavev1.CreateNamespaceResponse{Namespace: namespace(created)}, nil
}

func (h namespaceHandler) DeleteNamespace(ctx context.Context, req *conclavev1.DeleteNamespaceRequest) (*conclavev1.DeleteNamespaceResponse, error) {
	var c check
	c.namespaceName("name", req.GetName())
	if req.GetName() == defaultSpace {
		c.invalid("name", "must not be %q, which always exists", defaultSpace)
	}
	if err := c.done(); err != nil {
		return nil, err
	}
	err := h.cluster.DeleteNamespace(ctx, req.GetName())
	if errors.Is(err, cluster.ErrUnavailable) {
		return nil, fail(conclavev1.ErrorReason_ERROR_REASON_OUTCOME_UNKNOWN,
			"the deletion did not finish in time; list the namespaces to see how it stands")
	}
	if err != nil {
		return nil, undecided(ctx, err)
	}
	return &conclavev1.DeleteNamespaceResponse{}, nil
}

func (h namespaceHandler) ListNamespaces(ctx context.Context, req *conclavev1.ListNamespacesRequest) (*conclavev1.ListNamespacesResponse, error) {
	var c check
	if req.GetName() != "" {
		c.namespaceName("name", req.GetName())
	}
	if err := c.done(); err != nil {
		return nil, err
	}
	list, err := h.cluster.ListNamespaces(ctx)
	if err != nil {
		return nil, unanswered(ctx, err)
	}
	if name := req.GetName(); name != "" {
		list = slices.DeleteFunc(slices.Clone(list), func(n *logv1.Namespace) bool { return n.GetName() != name })
	}
	return &conclavev1.ListNamespacesResponse{Namespaces: each(list, namespace)}, nil
}

func namespace(n *logv1.Namespace) *conclavev1.Namespace {
	state := "active"
	if n.GetState() == logv1.Namespace_STATE_DELETING {
		state = "deleting"
	}
	return &conclavev1.Namespace{
		Name:    n.GetName(),
		ShardId: n.GetShardId(),
		State:   state,
		Created: timestamp(n.GetCreatedMs()),
		Id:      n.GetId(),
	}
}
