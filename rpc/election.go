package rpc

import (
	"context"

	"connectrpc.com/connect"

	logv1 "github.com/conclavehq/conclave/proto/gen/conclave/log/v1"
	conclavev1 "github.com/conclavehq/conclave/proto/gen/conclave/v1"
)

type electionHandler struct{ *core }

func (h electionHandler) Campaign(ctx context.Context, req *conclavev1.CampaignRequest) (*conclavev1.CampaignResponse, error) {
	return mutate(ctx, h.core, req, planCampaign)
}

func planCampaign(req *conclavev1.CampaignRequest) (out change[conclavev1.CampaignResponse], err error) {
	if err := validated(req, func(c *check) { c.campaign(req) }); err != nil {
		return out, err
	}
	campaign := &logv1.Campaign{
		Name:     req.GetName(),
		LeaseId:  req.GetLeaseId(),
		Value:    valueBytes(req.GetValue()),
		Priority: req.GetPriority(),
		WaitMs:   waitMillis(req.GetWait(), req.GetWaitForever()),
		Card:     logCard(req.GetCard()),
	}
	out.of, out.command = req, &logv1.Command{Body: &logv1.Command_Campaign{Campaign: campaign}}
	out.respond = func(result *logv1.Result) *conclavev1.CampaignResponse {
		return &conclavev1.CampaignResponse{Term: result.GetCampaign().GetTerm()}
	}
	out.ticket = func(result *logv1.Result) int64 { return result.GetCampaign().GetTicket() }
	out.granted = func(result *logv1.Result, grant *logv1.TicketEvent) *conclavev1.CampaignResponse {
		return &conclavev1.CampaignResponse{Term: grant.GetToken(), Ticket: result.GetCampaign().GetTicket()}
	}
	return out, nil
}

func (h electionHandler) Proclaim(ctx context.Context, req *conclavev1.ProclaimRequest) (*conclavev1.ProclaimResponse, error) {
	return mutate(ctx, h.core, req, planProclaim)
}

func planProclaim(req *conclavev1.ProclaimRequest) (out change[conclavev1.ProclaimResponse], err error) {
	err = validated(req, func(c *check) {
		c.name("name", req.GetName())
		c.token("term", req.GetTerm())
		c.value("value", req.GetValue(), maxSmallBytes)
	})
	if err != nil {
		return out, err
	}
	proclaim := &logv1.Proclaim{Name: req.GetName(), Term: req.GetTerm(), Value: valueBytes(req.GetValue())}
	out.of, out.command = req, &logv1.Command{Body: &logv1.Command_Proclaim{Proclaim: proclaim}}
	out.respond = func(result *logv1.Result) *conclavev1.ProclaimResponse {
		return &conclavev1.ProclaimResponse{Revision: result.GetRevision()}
	}
	return out, nil
}

func (h electionHandler) Resign(ctx context.Context, req *conclavev1.ResignRequest) (*conclavev1.ResignResponse, error) {
	return mutate(ctx, h.core, req, planResign)
}

func planResign(req *conclavev1.ResignRequest) (out change[conclavev1.ResignResponse], err error) {
	err = validated(req, func(c *check) {
		c.name("name", req.GetName())
		c.token("term", req.GetTerm())
		c.optionalName("to", req.GetTo())
	})
	if err != nil {
		return out, err
	}
	resign := &logv1.Resign{Name: req.GetName(), Term: req.GetTerm(), To: req.GetTo()}
	out.of, out.command = req, &logv1.Command{Body: &logv1.Command_Resign{Resign: resign}}
	out.respond = func(result *logv1.Result) *conclavev1.ResignResponse {
		return &conclavev1.ResignResponse{
			Revision: result.GetRevision(),
			NextTerm: result.GetResign().GetNextTerm(),
		}
	}
	return out, nil
}

func (h electionHandler) CancelCampaign(ctx context.Context, req *conclavev1.CancelCampaignRequest) (*conclavev1.CancelCampaignResponse, error) {
	return mutate(ctx, h.core, req, planCancelCampaign)
}

func planCancelCampaign(req *conclavev1.CancelCampaignRequest) (out change[conclavev1.CancelCampaignResponse], err error) {
	err = validated(req, func(c *check) {
		c.name("name", req.GetName())
		c.lease("lease_id", req.GetLeaseId())
	})
	if err != nil {
		return out, err
	}
	cancel := &logv1.CancelCampaign{Name: req.GetName(), LeaseId: req.GetLeaseId()}
	out.of, out.command = req, &logv1.Command{Body: &logv1.Command_CancelCampaign{CancelCampaign: cancel}}
	out.respond = func(result *logv1.Result) *conclavev1.CancelCampaignResponse {
		return &conclavev1.CancelCampaignResponse{Resigned: result.GetCancelCampaign().GetResigned()}
	}
	return out, nil
}

func (h electionHandler) HandOver(ctx context.Context, req *conclavev1.HandOverRequest) (*conclavev1.HandOverResponse, error) {
	return mutate(ctx, h.core, req, planHandOver)
}

func planHandOver(req *conclavev1.HandOverRequest) (out change[conclavev1.HandOverResponse], err error) {
	err = validated(req, func(c *check) {
		c.name("name", req.GetName())
		c.optionalName("to", req.GetTo())
		c.reason("reason", req.GetReason())
		c.optionalName("actor", req.GetActor())
	})
	if err != nil {
		return out, err
	}
	handOver := &logv1.HandOver{
		Name:   req.GetName(),
		To:     req.GetTo(),
		Reason: req.GetReason(),
		Actor:  req.GetActor(),
	}
	out.of, out.command = req, &logv1.Command{Body: &logv1.Command_HandOver{HandOver: handOver}}
	out.respond = func(result *logv1.Result) *conclavev1.HandOverResponse {
		return &conclavev1.HandOverResponse{
			Revision:  result.GetRevision(),
			EndedTerm: result.GetHandOver().GetEndedTerm(),
			NextTerm:  result.GetHandOver().GetNextTerm(),
		}
	}
	return out, nil
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
