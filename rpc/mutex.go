package rpc

import (
	"context"

	logv1 "github.com/conclavehq/conclave/proto/gen/conclave/log/v1"
	conclavev1 "github.com/conclavehq/conclave/proto/gen/conclave/v1"
)

type mutexHandler struct{ *core }

func (h mutexHandler) AcquireMutex(ctx context.Context, req *conclavev1.AcquireMutexRequest) (*conclavev1.AcquireMutexResponse, error) {
	if err := validated(req, func(c *check) { c.acquireMutex(req) }); err != nil {
		return nil, err
	}
	acquire := &logv1.AcquireMutex{
		Name:        req.GetName(),
		LeaseId:     req.GetLeaseId(),
		WaitMs:      waitMillis(req.GetWait(), req.GetWaitForever()),
		Reentrant:   req.GetReentrant(),
		LockDelayMs: millis(req.GetLockDelay()),
		Card:        logCard(req.GetCard()),
	}
	result, where, err := h.propose(ctx, req, &logv1.Command{Body: &logv1.Command_AcquireMutex{AcquireMutex: acquire}})
	if err != nil {
		return nil, err
	}
	first := result.GetAcquireMutex()
	if first.GetTicket() == 0 {
		return &conclavev1.AcquireMutexResponse{Token: first.GetToken(), Count: first.GetCount()}, nil
	}
	grant, err := h.await(ctx, where, first.GetTicket(), result.GetIndex())
	if err != nil {
		return nil, err
	}
	return &conclavev1.AcquireMutexResponse{Token: grant.GetToken(), Count: 1, Ticket: first.GetTicket()}, nil
}

func (h mutexHandler) ReleaseMutex(ctx context.Context, req *conclavev1.ReleaseMutexRequest) (*conclavev1.ReleaseMutexResponse, error) {
	err := validated(req, func(c *check) {
		c.name("name", req.GetName())
		c.token("token", req.GetToken())
	})
	if err != nil {
		return nil, err
	}
	release := &logv1.ReleaseMutex{Name: req.GetName(), Token: req.GetToken()}
	result, _, err := h.propose(ctx, req, &logv1.Command{Body: &logv1.Command_ReleaseMutex{ReleaseMutex: release}})
	if err != nil {
		return nil, err
	}
	return &conclavev1.ReleaseMutexResponse{
		Revision: result.GetRevision(),
		Count:    result.GetReleaseMutex().GetCount(),
	}, nil
}

func (h mutexHandler) CancelAcquire(ctx context.Context, req *conclavev1.CancelAcquireRequest) (*conclavev1.CancelAcquireResponse, error) {
	err := validated(req, func(c *check) {
		c.name("name", req.GetName())
		c.lease("lease_id", req.GetLeaseId())
	})
	if err != nil {
		return nil, err
	}
	cancel := &logv1.CancelAcquire{Name: req.GetName(), LeaseId: req.GetLeaseId()}
	result, _, err := h.propose(ctx, req, &logv1.Command{Body: &logv1.Command_CancelAcquire{CancelAcquire: cancel}})
	if err != nil {
		return nil, err
	}
	return &conclavev1.CancelAcquireResponse{Released: result.GetCancelAcquire().GetReleased()}, nil
}

func (h mutexHandler) BreakMutex(ctx context.Context, req *conclavev1.BreakMutexRequest) (*conclavev1.BreakMutexResponse, error) {
	err := validated(req, func(c *check) {
		c.name("name", req.GetName())
		c.reason("reason", req.GetReason())
		c.optionalName("actor", req.GetActor())
		c.revision("token", req.GetToken())
	})
	if err != nil {
		return nil, err
	}
	force := &logv1.BreakMutex{
		Name:   req.GetName(),
		Reason: req.GetReason(),
		Actor:  req.GetActor(),
		Token:  req.GetToken(),
	}
	result, _, err := h.propose(ctx, req, &logv1.Command{Body: &logv1.Command_BreakMutex{BreakMutex: force}})
	if err != nil {
		return nil, err
	}
	broken := result.GetBreakMutex()
	return &conclavev1.BreakMutexResponse{
		Revision:    result.GetRevision(),
		BrokenToken: broken.GetBrokenToken(),
		Holder:      card(broken.GetHolder()),
	}, nil
}

func (h mutexHandler) GetMutex(ctx context.Context, req *conclavev1.GetMutexRequest) (*conclavev1.GetMutexResponse, error) {
	err := asked(req, func(c *check) {
		c.name("name", req.GetName())
		c.page("waiters", req.GetWaiters())
	})
	if err != nil {
		return nil, err
	}
	answer, err := h.query(ctx, req.GetNamespace(), linearizable, &logv1.Query{Body: &logv1.Query_GetMutex{
		GetMutex: &logv1.GetMutex{Name: req.GetName(), Waiters: pageSize(req.GetWaiters())},
	}})
	if err != nil {
		return nil, err
	}
	return &conclavev1.GetMutexResponse{
		Revision: answer.GetRevision(),
		Mutex:    mutex(answer.GetGetMutex().GetMutex()),
	}, nil
}

func (h mutexHandler) ListMutexes(ctx context.Context, req *conclavev1.ListMutexesRequest) (*conclavev1.ListMutexesResponse, error) {
	if err := asked(req, func(c *check) { c.listing(req) }); err != nil {
		return nil, err
	}
	answer, err := h.query(ctx, req.GetNamespace(), linearizable, &logv1.Query{Body: &logv1.Query_ListMutexes{
		ListMutexes: &logv1.ListMutexes{Prefix: req.GetPrefix(), After: req.GetAfter(), Limit: pageSize(req.GetLimit())},
	}})
	if err != nil {
		return nil, err
	}
	page := answer.GetListMutexes()
	return &conclavev1.ListMutexesResponse{
		Revision: answer.GetRevision(),
		Mutexes:  each(page.GetMutexes(), mutex),
		More:     page.GetMore(),
	}, nil
}
