package rpc

import (
	"context"

	logv1 "github.com/conclavehq/conclave/proto/gen/conclave/log/v1"
	conclavev1 "github.com/conclavehq/conclave/proto/gen/conclave/v1"
)

type mutexHandler struct{ *core }

func (h mutexHandler) AcquireMutex(ctx context.Context, req *conclavev1.AcquireMutexRequest) (*conclavev1.AcquireMutexResponse, error) {
	return mutate(ctx, h.core, req, planAcquireMutex)
}

func planAcquireMutex(req *conclavev1.AcquireMutexRequest) (out change[conclavev1.AcquireMutexResponse], err error) {
	if err := validated(req, func(c *check) { c.acquireMutex(req) }); err != nil {
		return out, err
	}
	acquire := &logv1.AcquireMutex{
		Name:        req.GetName(),
		LeaseId:     req.GetLeaseId(),
		WaitMs:      waitMillis(req.GetWait(), req.GetWaitForever()),
		Reentrant:   req.GetReentrant(),
		LockDelayMs: millis(req.GetLockDelay()),
		Card:        logCard(req.GetCard()),
	}
	out.of, out.command = req, &logv1.Command{Body: &logv1.Command_AcquireMutex{AcquireMutex: acquire}}
	out.respond = func(result *logv1.Result) *conclavev1.AcquireMutexResponse {
		first := result.GetAcquireMutex()
		return &conclavev1.AcquireMutexResponse{Token: first.GetToken(), Count: first.GetCount()}
	}
	out.ticket = func(result *logv1.Result) int64 { return result.GetAcquireMutex().GetTicket() }
	out.granted = func(result *logv1.Result, grant *logv1.TicketEvent) *conclavev1.AcquireMutexResponse {
		return &conclavev1.AcquireMutexResponse{
			Token: grant.GetToken(), Count: 1, Ticket: result.GetAcquireMutex().GetTicket(),
		}
	}
	return out, nil
}

func (h mutexHandler) ReleaseMutex(ctx context.Context, req *conclavev1.ReleaseMutexRequest) (*conclavev1.ReleaseMutexResponse, error) {
	return mutate(ctx, h.core, req, planReleaseMutex)
}

func planReleaseMutex(req *conclavev1.ReleaseMutexRequest) (out change[conclavev1.ReleaseMutexResponse], err error) {
	err = validated(req, func(c *check) {
		c.name("name", req.GetName())
		c.token("token", req.GetToken())
	})
	if err != nil {
		return out, err
	}
	release := &logv1.ReleaseMutex{Name: req.GetName(), Token: req.GetToken()}
	out.of, out.command = req, &logv1.Command{Body: &logv1.Command_ReleaseMutex{ReleaseMutex: release}}
	out.respond = func(result *logv1.Result) *conclavev1.ReleaseMutexResponse {
		return &conclavev1.ReleaseMutexResponse{
			Revision: result.GetRevision(),
			Count:    result.GetReleaseMutex().GetCount(),
		}
	}
	return out, nil
}

func (h mutexHandler) CancelAcquire(ctx context.Context, req *conclavev1.CancelAcquireRequest) (*conclavev1.CancelAcquireResponse, error) {
	return mutate(ctx, h.core, req, planCancelAcquire)
}

func planCancelAcquire(req *conclavev1.CancelAcquireRequest) (out change[conclavev1.CancelAcquireResponse], err error) {
	err = validated(req, func(c *check) {
		c.name("name", req.GetName())
		c.lease("lease_id", req.GetLeaseId())
	})
	if err != nil {
		return out, err
	}
	cancel := &logv1.CancelAcquire{Name: req.GetName(), LeaseId: req.GetLeaseId()}
	out.of, out.command = req, &logv1.Command{Body: &logv1.Command_CancelAcquire{CancelAcquire: cancel}}
	out.respond = func(result *logv1.Result) *conclavev1.CancelAcquireResponse {
		return &conclavev1.CancelAcquireResponse{Released: result.GetCancelAcquire().GetReleased()}
	}
	return out, nil
}

func (h mutexHandler) BreakMutex(ctx context.Context, req *conclavev1.BreakMutexRequest) (*conclavev1.BreakMutexResponse, error) {
	return mutate(ctx, h.core, req, planBreakMutex)
}

func planBreakMutex(req *conclavev1.BreakMutexRequest) (out change[conclavev1.BreakMutexResponse], err error) {
	err = validated(req, func(c *check) {
		c.name("name", req.GetName())
		c.reason("reason", req.GetReason())
		c.optionalName("actor", req.GetActor())
		c.revision("token", req.GetToken())
	})
	if err != nil {
		return out, err
	}
	force := &logv1.BreakMutex{
		Name:   req.GetName(),
		Reason: req.GetReason(),
		Actor:  req.GetActor(),
		Token:  req.GetToken(),
	}
	out.of, out.command = req, &logv1.Command{Body: &logv1.Command_BreakMutex{BreakMutex: force}}
	out.respond = func(result *logv1.Result) *conclavev1.BreakMutexResponse {
		broken := result.GetBreakMutex()
		return &conclavev1.BreakMutexResponse{
			Revision:    result.GetRevision(),
			BrokenToken: broken.GetBrokenToken(),
			Holder:      card(broken.GetHolder()),
		}
	}
	return out, nil
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
