package rpc

import (
	"context"

	logv1 "github.com/conclavehq/conclave/proto/gen/conclave/log/v1"
	conclavev1 "github.com/conclavehq/conclave/proto/gen/conclave/v1"
)

func (h queueHandler) GetJob(ctx context.Context, req *conclavev1.GetJobRequest) (*conclavev1.GetJobResponse, error) {
	err := asked(req, func(c *check) {
		c.name("queue", req.GetQueue())
		c.jobID("job_id", req.GetJobId())
	})
	if err != nil {
		return nil, err
	}
	answer, err := h.query(ctx, req.GetNamespace(), linearizable, &logv1.Query{Body: &logv1.Query_GetJob{
		GetJob: &logv1.GetJob{Queue: req.GetQueue(), JobId: req.GetJobId()},
	}})
	if err != nil {
		return nil, err
	}
	return &conclavev1.GetJobResponse{
		Revision: answer.GetRevision(),
		Job:      job(answer.GetGetJob().GetJob()),
	}, nil
}

func (h queueHandler) PeekJobs(ctx context.Context, req *conclavev1.PeekJobsRequest) (*conclavev1.PeekJobsResponse, error) {
	err := asked(req, func(c *check) {
		c.name("queue", req.GetQueue())
		known(c, "state", req.GetState(), conclavev1.JobState_name)
		c.page("limit", req.GetLimit())
	})
	if err != nil {
		return nil, err
	}
	state := req.GetState()
	if state == conclavev1.JobState_JOB_STATE_UNSPECIFIED {
		state = conclavev1.JobState_JOB_STATE_READY
	}
	answer, err := h.query(ctx, req.GetNamespace(), linearizable, &logv1.Query{Body: &logv1.Query_PeekJobs{
		PeekJobs: &logv1.PeekJobs{
			Queue:      req.GetQueue(),
			State:      logv1.JobState(state),
			AfterJobId: req.GetAfterJobId(),
			Limit:      pageSize(req.GetLimit()),
		},
	}})
	if err != nil {
		return nil, err
	}
	page := answer.GetPeekJobs()
	return &conclavev1.PeekJobsResponse{
		Revision: answer.GetRevision(),
		Jobs:     each(page.GetJobs(), job),
		More:     page.GetMore(),
	}, nil
}

func (h queueHandler) GetQueue(ctx context.Context, req *conclavev1.GetQueueRequest) (*conclavev1.GetQueueResponse, error) {
	if err := asked(req, func(c *check) { c.name("queue", req.GetQueue()) }); err != nil {
		return nil, err
	}
	answer, err := h.query(ctx, req.GetNamespace(), linearizable, &logv1.Query{Body: &logv1.Query_GetQueue{
		GetQueue: &logv1.GetQueue{Queue: req.GetQueue()},
	}})
	if err != nil {
		return nil, err
	}
	return &conclavev1.GetQueueResponse{
		Revision: answer.GetRevision(),
		Stats:    queueStats(answer.GetGetQueue().GetStats()),
	}, nil
}

func (h queueHandler) ListQueues(ctx context.Context, req *conclavev1.ListQueuesRequest) (*conclavev1.ListQueuesResponse, error) {
	if err := asked(req, func(c *check) { c.listing(req) }); err != nil {
		return nil, err
	}
	answer, err := h.query(ctx, req.GetNamespace(), linearizable, &logv1.Query{Body: &logv1.Query_ListQueues{
		ListQueues: &logv1.ListQueues{Prefix: req.GetPrefix(), After: req.GetAfter(), Limit: pageSize(req.GetLimit())},
	}})
	if err != nil {
		return nil, err
	}
	page := answer.GetListQueues()
	return &conclavev1.ListQueuesResponse{
		Revision: answer.GetRevision(),
		Queues:   each(page.GetQueues(), queueStats),
		More:     page.GetMore(),
	}, nil
}
