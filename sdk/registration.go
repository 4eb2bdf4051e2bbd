package conclave

import (
	"context"
	"sync"

	conclavev1 "github.com/conclavehq/conclave/proto/gen/conclave/v1"
)

// Registration is an instance that lives as long as this session.
type Registration struct {
	session  *Session
	watching sync.Once
	ctx      context.Context
	cancel   context.CancelCauseFunc

	mu       sync.Mutex // protects instance
	instance Instance
}

func newRegistration(s *Session, instance Instance) *Registration {
	ctx, cancel := context.WithCancelCause(s.ctx)
	return &Registration{
		session:  s,
		ctx:      &liveContext{ctx, func() { s.deadline.passed() }},
		cancel:   cancel,
		instance: instance,
	}
}

// Instance is what was registered, as of the last change through r.
func (r *Registration) Instance() Instance {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.instance
}

// Context ends when the instance is deregistered, by whomever, or with the
// session; context.Cause says why. The first call begins to watch the service
// for that, which costs a stream.
func (r *Registration) Context() context.Context {
	r.watching.Do(func() {
		if !r.session.start(r.watch) {
			r.cancel(r.session.err())
		}
	})
	return r.ctx
}

// Update changes the instance. It fails with ErrInstanceNotFound when it is gone.
func (r *Registration) Update(ctx context.Context, opts ...UpdateOption) error {
	was := r.Instance()
	updated, err := r.session.client.updateInstance(ctx, was.Service, was.ID, r.session.id, opts)
	if err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.instance = updated
	return nil
}

// Drain tells clients to start nothing new with the instance.
func (r *Registration) Drain(ctx context.Context) error {
	return r.Update(ctx, SetStatus(Draining))
}

// Deregister ends the registration's context and removes the instance. To
// remove what is gone is no error.
func (r *Registration) Deregister(ctx context.Context) error {
	r.cancel(&Error{Reason: reasonReleased, Message: "the instance is deregistered"})
	was := r.Instance()
	err := r.session.client.deregisterInstance(ctx, was.Service, was.ID, r.session.id)
	if isReason(err, "INSTANCE_NOT_FOUND") {
		return nil
	}
	return err
}

// watch ends the context when the instance is gone or another's.
func (r *Registration) watch() {
	own := r.Instance()
	open := func() *conclavev1.WatchInstancesRequest {
		return &conclavev1.WatchInstancesRequest{Namespace: r.session.client.where(), Service: own.Service}
	}
	for failures := (backoff{}); r.ctx.Err() == nil; pause(r.ctx, failures.next(0)) {
		err := follow(r.ctx, r.session.client, (*services).WatchInstances, open, func(res *conclavev1.WatchInstancesResponse) bool {
			failures.reset()
			if cause := r.lossIn(res, own); cause != nil {
				r.cancel(cause)
				return false
			}
			return true
		})
		if err != nil && r.ctx.Err() == nil {
			r.session.client.log.Warn("registry: an instance is not watched", "service", own.Service, "instance", own.ID, "error", err)
		}
	}
}

// lossIn says how the instance was lost, nil if these changes say nothing of it.
func (r *Registration) lossIn(res *conclavev1.WatchInstancesResponse, own Instance) error {
	if Revision(res.GetRevision()) < own.Created {
		return nil // from a node that is behind
	}
	for _, change := range res.GetChanges() {
		now := change.GetInstance()
		switch {
		case now.GetId() != own.ID:
			continue
		case !change.GetRemoved():
			if Revision(now.GetCreateRevision()) > own.Created {
				return &Error{Reason: reasonLost, Message: "somebody deregistered it, and it was registered again since"}
			}
			return nil
		case Revision(now.GetCreateRevision()) != own.Created:
			return nil // one before
		case change.GetCause() == "deregistered":
			return &Error{Reason: reasonLost, Message: "somebody deregistered it"}
		}
		r.session.keeper.check() // it went with the session, which is about to learn of it
		return nil
	}
	if res.GetSnapshot() {
		return &Error{Reason: reasonLost, Message: "somebody deregistered it"}
	}
	return nil
}
