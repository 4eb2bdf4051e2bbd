package conclave

import (
	"context"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"

	conclavev1 "github.com/conclavehq/conclave/proto/gen/conclave/v1"
)

// Candidacy is an election that this session can stand for. Its Election part
// tells who leads.
type Candidacy struct {
	Election
	session *Session
}

// campaign is what the options of Campaign and Lead set.
type campaign struct {
	purpose  string
	priority int32
	wait     time.Duration
}

// CampaignOption changes how a candidate stands.
type CampaignOption interface {
	applyCampaign(*campaign)
}

// WaitOption bounds a wait in line. It suits Mutex, Campaign, Lead, Claim and
// Jobs.
type WaitOption interface {
	MutexOption
	CampaignOption
	ClaimOption
}

// WithWait bounds the wait by the clock of the service: ErrWaitTimeout follows.
// Default: only the context and the session bound it. At most 10 min.
func WithWait(d time.Duration) WaitOption { return waitOption(d) }

type waitOption time.Duration

func (w waitOption) applyMutex(m *Mutex)         { m.wait = time.Duration(w) }
func (w waitOption) applyCampaign(cfg *campaign) { cfg.wait = time.Duration(w) }
func (w waitOption) applyClaim(cfg *claimConfig) { cfg.wait = time.Duration(w) }

// Election names an election that this session can stand for; nothing is sent.
func (s *Session) Election(name string) *Candidacy {
	return &Candidacy{Election: Election{client: s.client, name: name}, session: s}
}

// Campaign stands for election and waits until it leads. value is what observers
// see, e.g. an address; up to 64 KiB. The highest priority leads next, then who
// came first. When ctx ends, the candidacy is withdrawn. ErrAlreadyHeld says
// that this session leads already.
func (c *Candidacy) Campaign(ctx context.Context, value string, opts ...CampaignOption) (*Term, error) {
	var cfg campaign
	for _, opt := range opts {
		opt.applyCampaign(&cfg)
	}
	term, err := c.campaign(ctx, value, cfg)
	return term, during(err, "campaign for election %q", c.name)
}

// Lead campaigns, runs fn while it leads, and resigns when fn returns or panics.
// The context of fn is ctx that ends, in addition, with the term. Lead returns
// what fn returns, joined with the loss if there was one; the *Error of a loss
// matches ErrLost. To stand again, call Lead again.
func (c *Candidacy) Lead(ctx context.Context, value string, fn func(ctx context.Context, t *Term) error, opts ...CampaignOption) error {
	term, err := c.Campaign(ctx, value, opts...)
	if err != nil {
		return err
	}
	return term.run(ctx,
		func(ctx context.Context) error { return fn(ctx, term) },
		func(ctx context.Context) error { return term.Resign(ctx) })
}

func (c *Candidacy) campaign(ctx context.Context, value string, cfg campaign) (*Term, error) {
	s := c.session
	req := &conclavev1.CampaignRequest{
		Namespace:   s.client.where(),
		Name:        c.name,
		LeaseId:     int64(s.id),
		Value:       textValue(value),
		Priority:    cfg.priority,
		WaitForever: cfg.wait == 0,
		Card:        s.describe(cfg.purpose),
	}
	if cfg.wait > 0 {
		req.Wait = durationpb.New(cfg.wait)
	}
	stand := standing[conclavev1.CampaignRequest, conclavev1.CampaignResponse]{
		session: s,
		key:     settleKey{conclavev1.Lost_KIND_ELECTION, c.name},
		method:  (*services).Campaign,
		req:     req,
		slot:    &req.RequestId,
		giveBack: func(ctx context.Context, res *conclavev1.CampaignResponse) {
			_ = c.Election.Resign(ctx, Token(res.GetTerm())) // ends with the session otherwise
		},
	}
	// A session that leads never waits, and a cancel would end its term.
	if !s.grants.has(conclavev1.Lost_KIND_ELECTION, c.name) {
		stand.withdraw = c.cancelCampaign
	}
	res, err := stand.do(ctx)
	if err != nil {
		return nil, err
	}
	key := grantKey{kind: conclavev1.Lost_KIND_ELECTION, name: c.name, token: Token(res.GetTerm())}
	term := &Term{election: c, tenure: s.begin(key)}
	if err := term.grant.err(); err != nil {
		return nil, err
	}
	return term, nil
}

func (c *Candidacy) cancelCampaign(ctx context.Context) error {
	s := c.session
	req := &conclavev1.CancelCampaignRequest{
		Namespace: s.client.where(),
		Name:      c.name,
		LeaseId:   int64(s.id),
	}
	_, err := mutate(ctx, s.client, (*services).CancelCampaign, req, &req.RequestId)
	return err
}

// PriorityOption suits Enqueue, Campaign and Lead.
type PriorityOption interface {
	EnqueueOption
	CampaignOption
}

// WithPriority puts a job or a candidate before those with a lower one: -1000 to
// 1000. It ends no claim and no term. Default: 0.
func WithPriority(priority int) PriorityOption { return priorityOption(priority) }

type priorityOption int32

func (p priorityOption) applyCampaign(cfg *campaign)                 { cfg.priority = int32(p) }
func (p priorityOption) applyEnqueue(req *conclavev1.EnqueueRequest) { req.Priority = int32(p) }
