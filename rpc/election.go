package rpc

import (
	"context"

	"connectrpc.com/connect"

	logv1 "github.com/conclavehq/conclave/proto/gen/conclave/log/v1"
	conclavev1 "github.com/conclavehq/conclave/proto/gen/conclave/v1"
)

type electionHandler struct{ *core }

func (h electionHandler) Campaign(ctx context.Context, req *conclavev1.CampaignRequest) (*conclavev1.CampaignResponse, error) {
	if err := validated(req, func(c *check) { c.campaign(req) }); err != nil {
		return nil, err
	}
	campaign := &logv1.Campaign{
		Name:     req.GetName(),
		LeaseId:  req.GetLeaseId(),
		Value:    valueBytes(req.GetValue()),
		Priority: req.GetPriority(),
		WaitMs:   waitMillis(req.GetWait(), req.GetWaitForever()),
		Card:     logCard(req.GetCard()),
	}
	result, where, err := h.propose(ctx, req, &logv1.Command{Body: &logv1.Command_Campaign{Campaign: campaign}})
	if err != nil {
		return nil, err
	}
	first := result.GetCampaign()
	if first.GetTicket() == 0 {
		return &conclavev1.CampaignResponse{Term: first.GetTerm()}, nil
	}
	grant, err := h.await(ctx, where, first.GetTicket(), result.GetIndex())
	if err != nil {
		return nil, err
	}
	return &conclavev1.CampaignResponse{Term: grant.GetToken(), Ticket: first.GetTicket()}, nil
}

func (h electionHandler) Proclaim(ctx context.Context, req *conclavev1.ProclaimRequest) (*conclavev1.ProclaimResponse, error) {
	err := validated(req, func(c *check) {
		c.name("name", req.GetName())
		c.token("term", req.GetTerm())
		c.value("value", req.GetValue(), maxSmallBytes)
	})
	if err != nil {
		return nil, err
	}
	proclaim := &logv1.Proclaim{Name: req.GetName(), Term: req.GetTerm(), Value: valueBytes(req.GetValue())}
	result, _, err := h.propose(ctx, req, &logv1.Command{Body: &logv1.Command_Proclaim{Proclaim: proclaim}})
	if err != nil {
		return nil, err
	}
	return &conclavev1.ProclaimResponse{Revision: result.GetRevision()}, nil
}

func (h electionHandler) Resign(ctx context.Context, req *conclavev1.ResignRequest) (*conclavev1.ResignResponse, error) {
	err := validated(req, func(c *check) {
		c.name("name", req.GetName())
		c.token("term", req.GetTerm())
		c.optionalName("to", req.GetTo())
	})
	if err != nil {
		return nil, err
	}
	resign := &logv1.Resign{Name: req.GetName(), Term: req.GetTerm(), To: req.GetTo()}
	result, _, err := h.propose(ctx, req, &logv1.Command{Body: &logv1.Command_Resign{Resign: resign}})
	if err != nil {
		return nil, err
	}
	return &conclavev1.ResignResponse{
		Revision: result.GetRevision(),
		NextTerm: result.GetResign().GetNextTerm(),
	}, nil
}

func (h electionHandler) CancelCampaign(ctx context.Context, req *conclavev1.CancelCampaignRequest) (*conclavev1.CancelCampaignResponse, error) {
	err := validated(req, func(c *check) {
		c.name("name", req.GetName())
		c.lease("lease_id", req.GetLeaseId())
	})
	if err != nil {
		return nil, err
	}
	cancel := &logv1.CancelCampaign{Name: req.GetName(), LeaseId: req.GetLeaseId()}
	result, _, err := h.propose(ctx, req, &logv1.Command{Body: &logv1.Command_CancelCampaign{CancelCampaign: cancel}})
	if err != nil {
		return nil, err
	}
	return &conclavev1.CancelCampaignResponse{Resigned: result.GetCancelCampaign().GetResigned()}, nil
}

func (h electionHandler) HandOver(ctx context.Context, req *conclavev1.HandOverRequest) (*conclavev1.HandOverResponse, error) {
	err := validated(req, func(c *check) {
		c.name("name", req.GetName())
		c.optionalName("to", req.GetTo())
		c.reason("reason", req.GetReason())
		c.optionalName("actor", req.GetActor())
	})
	if err != nil {
		return nil, err
	}
	handOver := &logv1.HandOver{
		Name:   req.GetName(),
		To:     req.GetTo(),
		Reason: req.GetReason(),
		Actor:  req.GetActor(),
	}
	result, _, err := h.propose(ctx, req, &logv1.Command{Body: &logv1.Command_HandOver{HandOver: handOver}})
	if err != nil {
		return nil, err
	}
	return &conclavev1.HandOverResponse{
		Revision:  result.GetRevision(),
		EndedTerm: result.GetHandOver().GetEndedTerm(),
		NextTerm:  result.GetHandOver().GetNextTerm(),
	}, nil
}

func (h electionHandler) GetElection(ctx context.Context, req *conclavev1.GetElectionRequest) (*conclavev1.GetElectionResponse, error) {
	err := asked(req, func(c *check) {
		c.name("name", req.GetName())
		c.page("candidates", req.GetCandidates())
		c.wait(req.GetWait(), false)
		c.revision("after_revision", req.GetAfterRevision())
	})
	if err != nil {
		return nil, err
	}
	answer, err := h.pollElection(ctx, req)
	if err != nil {
		return nil, err
	}
	return &conclavev1.GetElectionResponse{
		Revision: answer.GetRevision(),
		Election: election(answer.GetGetElection().GetElection()),
	}, nil
}

func (h electionHandler) ListElections(ctx context.Context, req *conclavev1.ListElectionsRequest) (*conclavev1.ListElectionsResponse, error) {
	if err := asked(req, func(c *check) { c.listing(req) }); err != nil {
		return nil, err
	}
	answer, err := h.query(ctx, req.GetNamespace(), linearizable, &logv1.Query{Body: &logv1.Query_ListElections{
		ListElections: &logv1.ListElections{Prefix: req.GetPrefix(), After: req.GetAfter(), Limit: pageSize(req.GetLimit())},
	}})
	if err != nil {
		return nil, err
	}
	page := answer.GetListElections()
	return &conclavev1.ListElectionsResponse{
		Revision:  answer.GetRevision(),
		Elections: each(page.GetElections(), election),
		More:      page.GetMore(),
	}, nil
}

func (h electionHandler) ObserveElection(ctx context.Context, req *conclavev1.ObserveElectionRequest, stream *connect.ServerStream[conclavev1.ObserveElectionResponse]) error {
	if err := asked(req, func(c *check) { c.name("name", req.GetName()) }); err != nil {
		return err
	}
	return h.observe(ctx, req, stream.Send)
}
