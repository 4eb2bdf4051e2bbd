package conclave

import (
	"context"
	"strconv"
	"time"

	conclavev1 "github.com/conclavehq/conclave/proto/gen/conclave/v1"
)

// NamespaceInfo is one namespace.
type NamespaceInfo struct {
	Name string
	// ID is its own: a namespace that is created again under this name has another.
	ID uint32
	// Shard is where it lives.
	Shard uint64
	// State is "active" or "deleting".
	State   string
	Created time.Time
}

// CreateNamespace makes a namespace. Names have 1 to 64 of a-z, 0-9, '-', '_'
// and '.', and start with a letter or digit. It fails with ErrNamespaceExists,
// and with ErrOutcomeUnknown when an attempt had no answer.
func (c *Client) CreateNamespace(ctx context.Context, name string) (NamespaceInfo, error) {
	res, err := call(ctx, c, repeats, (*services).CreateNamespace, &conclavev1.CreateNamespaceRequest{Name: name})
	if err != nil {
		return NamespaceInfo{}, during(err, "create namespace %q", name)
	}
	return namespaceFrom(res.GetNamespace()), nil
}

// DeleteNamespace removes a namespace with all that is in it. It fails with
// ErrOutcomeUnknown when an attempt had no answer.
func (c *Client) DeleteNamespace(ctx context.Context, name string) error {
	_, err := call(ctx, c, repeats, (*services).DeleteNamespace, &conclavev1.DeleteNamespaceRequest{Name: name})
	return during(err, "delete namespace %q", name)
}

// Namespaces lists all namespaces.
func (c *Client) Namespaces(ctx context.Context) ([]NamespaceInfo, error) {
	res, err := read(ctx, c, (*services).ListNamespaces, &conclavev1.ListNamespacesRequest{})
	if err != nil {
		return nil, during(err, "list namespaces")
	}
	return each(res.GetNamespaces(), namespaceFrom), nil
}

// Address names this namespace, and no other one that had or will have its name.
// WithNamespace takes it, e.g. in a process that goes on with what another one
// has stored.
func (n NamespaceInfo) Address() string {
	if n.ID == 0 {
		return n.Name // the node is older and does not tell
	}
	return n.Name + "@" + strconv.FormatUint(uint64(n.ID), 10)
}

func namespaceFrom(n *conclavev1.Namespace) NamespaceInfo {
	return NamespaceInfo{
		Name:    n.GetName(),
		ID:      n.GetId(),
		Shard:   n.GetShardId(),
		State:   n.GetState(),
		Created: n.GetCreated().AsTime(),
	}
}
