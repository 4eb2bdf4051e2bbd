package cluster

import (
	"context"
	"errors"
	"strconv"
	"strings"

	logv1 "github.com/conclavehq/conclave/proto/gen/conclave/log/v1"
)

// DefaultNamespace exists from the start.
const DefaultNamespace = "default"

// Namespace finds where a namespace lives, by its name or by its address
// "name@id", which is never that of another one; "" is the default one. What is
// not known here is looked up linearizably before it is refused.
func (c *Cluster) Namespace(ctx context.Context, name string) (Namespace, error) {
	if name == "" {
		name = DefaultNamespace
	}
	ns := c.directory.namespace(name)
	if ns == nil {
		all, err := c.ListNamespaces(ctx)
		if err != nil {
			return Namespace{}, err
		}
		for _, n := range all {
			if (n.GetName() == name || address(n) == name) && n.GetState() == logv1.Namespace_STATE_ACTIVE {
				ns = n
			}
		}
	}
	if ns == nil && name == DefaultNamespace {
		if err := c.untilReady(ctx); err != nil {
			return Namespace{}, err
		}
		ns = c.directory.namespace(name)
	}
	if ns == nil {
		return Namespace{}, unknownNamespace(name)
	}
	return Namespace{Name: ns.GetName(), ID: ns.GetId(), Shard: ns.GetShardId()}, nil
}

// address names a namespace and no other one that had or will have its name.
func address(ns *logv1.Namespace) string {
	return ns.GetName() + "@" + strconv.FormatUint(uint64(ns.GetId()), 10)
}

func unknownNamespace(name string) error {
	if plain, id, addressed := strings.Cut(name, "@"); addressed {
		return refused(logv1.Reason_REASON_NAMESPACE_NOT_FOUND,
			"there is no namespace %q with id %s any more; one that has the name now is another one", plain, id)
	}
	return refused(logv1.Reason_REASON_NAMESPACE_NOT_FOUND, "there is no namespace %q", name)
}

// untilReady waits until the node is part of its cluster: in one that has just
// been made, the default namespace is there from then on.
func (c *Cluster) untilReady(ctx context.Context) error {
	ctx, cancel := c.bounded(ctx)
	defer cancel()
	select {
	case <-c.ready:
		return nil
	case <-c.stopped.Done():
		return ErrStopped
	case <-ctx.Done():
		return ErrUnavailable
	}
}

// ListNamespaces lists all namespaces by name, also those that are being
// deleted.
func (c *Cluster) ListNamespaces(ctx context.Context) ([]*logv1.Namespace, error) {
	answer, err := c.Query(ctx, systemShard, ReadOptions{},
		&logv1.Query{Body: &logv1.Query_ListNamespaces{ListNamespaces: &logv1.ListNamespaces{}}})
	if err != nil {
		return nil, err
	}
	return answer.GetListNamespaces().GetNamespaces(), nil
}

// CreateNamespace makes a namespace on the data shard that has the fewest.
func (c *Cluster) CreateNamespace(ctx context.Context, name string) (*logv1.Namespace, error) {
	result, err := c.ask(ctx, &logv1.Command{Body: &logv1.Command_CreateNamespace{
		CreateNamespace: &logv1.CreateNamespace{Name: name, ShardIds: c.id.DataShards},
	}})
	if err != nil {
		return nil, err
	}
	return result.GetCreateNamespace().GetNamespace(), nil
}

// DeleteNamespace deletes a namespace with everything in it. It returns when
// the name can be used again, or with ErrUnavailable when ctx ends before: then
// the namespace is gone for its users, and the rest goes on.
func (c *Cluster) DeleteNamespace(ctx context.Context, name string) error {
	ctx, cancel := c.bounded(ctx)
	defer cancel()
	result, err := c.ask(ctx, &logv1.Command{Body: &logv1.Command_DeleteNamespace{
		DeleteNamespace: &logv1.DeleteNamespace{Name: name},
	}})
	if err != nil {
		return err
	}
	id := result.GetDeleteNamespace().GetNamespace().GetId()
	if err := c.shards[systemShard].machine.WaitApplied(ctx, result.GetIndex()); err != nil {
		return ErrUnavailable
	}
	if err := c.directory.load(ctx); err != nil {
		return ErrUnavailable
	}
	for {
		changed := c.directory.change()
		if !c.directory.has(id) {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ErrUnavailable
		}
	}
}

// ask proposes to the system shard and makes a refusal an error.
func (c *Cluster) ask(ctx context.Context, cmd *logv1.Command) (*logv1.Result, error) {
	result, err := c.Propose(ctx, systemShard, cmd)
	if err == nil && result.GetRefusal() != nil {
		err = &RefusedError{Refusal: result.GetRefusal()}
	}
	return result, err
}

// govern does what the cluster itself wants to have done, on the node that leads
// the system shard: it makes the default namespace and finishes deletions.
func (c *Cluster) govern(ctx context.Context) {
	system := c.shards[systemShard]
	for {
		_, moved := system.leader()
		changed := c.directory.change()
		if system.leads() && !c.settle(ctx) {
			if !pause(ctx, moved, joinPause) && ctx.Err() != nil {
				return
			}
			continue
		}
		select {
		case <-moved:
		case <-changed:
		case <-ctx.Done():
			return
		}
	}
}

// settle is false when something is left to do.
func (c *Cluster) settle(ctx context.Context) bool {
	all, err := c.ListNamespaces(ctx)
	if err != nil {
		return false
	}
	settled, found := true, false
	for _, ns := range all {
		found = found || ns.GetName() == DefaultNamespace
		if ns.GetState() == logv1.Namespace_STATE_DELETING && c.finishDeletion(ctx, ns) != nil {
			settled = false
		}
	}
	if !found {
		_, err := c.CreateNamespace(ctx, DefaultNamespace)
		var refusal *RefusedError
		settled = settled && (err == nil || errors.As(err, &refusal))
	}
	return settled
}

// finishDeletion drops a namespace's data and then its record. Doing either
// again does no harm, so it can be cut short anywhere.
func (c *Cluster) finishDeletion(ctx context.Context, ns *logv1.Namespace) error {
	if _, err := c.Propose(ctx, ns.GetShardId(), &logv1.Command{
		NamespaceId: ns.GetId(),
		Body:        &logv1.Command_DropNamespace{DropNamespace: &logv1.DropNamespace{}},
	}); err != nil {
		return err
	}
	_, err := c.Propose(ctx, systemShard, &logv1.Command{Body: &logv1.Command_DeleteNamespace{
		DeleteNamespace: &logv1.DeleteNamespace{Name: ns.GetName(), Finished: true},
	}})
	return err
}

// namespace is a namespace that can be used, by name or address; nil if it is not
// known here.
func (d *directory) namespace(name string) *logv1.Namespace {
	d.mu.RLock()
	defer d.mu.RUnlock()
	return d.mu.active[name]
}

// has says whether a namespace is known, in any state.
func (d *directory) has(id uint32) bool {
	d.mu.RLock()
	defer d.mu.RUnlock()
	for _, ns := range d.mu.namespaces {
		if ns.GetId() == id {
			return true
		}
	}
	return false
}
