package conclave

import (
	"os"
	"path/filepath"
	"time"

	conclavev1 "github.com/conclavehq/conclave/proto/gen/conclave/v1"
)

// ttlDefault outlasts a failover of the service several times.
const ttlDefault = 10 * time.Second

// SessionOption changes how a session is made.
type SessionOption interface {
	applySession(*sessionConfig)
}

type sessionConfig struct {
	ttl  time.Duration
	id   LeaseID
	card *conclavev1.Card
}

type sessionOptionFunc func(*sessionConfig)

func (f sessionOptionFunc) applySession(cfg *sessionConfig) { f(cfg) }

// newSessionConfig fills in who this process is.
func newSessionConfig(opts []SessionOption) *sessionConfig {
	host, err := os.Hostname()
	if err != nil {
		host = "" // the identity still tells
	}
	cfg := &sessionConfig{ttl: ttlDefault, card: &conclavev1.Card{
		Identity: filepath.Base(os.Args[0]),
		Host:     host,
		Pid:      int64(os.Getpid()),
	}}
	for _, opt := range opts {
		opt.applySession(cfg)
	}
	return cfg
}

// WithTTL sets how long the service keeps the session without a renewal: 100 ms
// to 24 h. A shorter TTL frees the holds of a dead process sooner, and leaves
// less time to bridge a failover of the service. Default: 10 s.
func WithTTL(ttl time.Duration) SessionOption {
	return sessionOptionFunc(func(cfg *sessionConfig) { cfg.ttl = ttl })
}

// WithIdentity says who the session is, e.g. "worker-7"; up to 256 bytes.
// Default: the name of the program.
func WithIdentity(identity string) SessionOption {
	return sessionOptionFunc(func(cfg *sessionConfig) { cfg.card.Identity = identity })
}

// WithLabels adds what else a human should know. Default: none.
func WithLabels(labels map[string]string) SessionOption {
	return sessionOptionFunc(func(cfg *sessionConfig) { cfg.card.Labels = labels })
}

// WithLeaseID asks for a lease id instead of letting the service choose. The
// grant fails with ErrLeaseExists when it is taken.
func WithLeaseID(id LeaseID) SessionOption {
	return sessionOptionFunc(func(cfg *sessionConfig) { cfg.id = id })
}

// PurposeOption says what something is for. It suits a session and everything
// that a session asks for.
type PurposeOption interface {
	SessionOption
	MutexOption
	CampaignOption
	ClaimOption
}

// WithPurpose says what the session, hold, candidacy or claim is for, e.g.
// "invoice run 2026-11". Default: what the session says; for a session nothing.
func WithPurpose(purpose string) PurposeOption { return purposeOption(purpose) }

type purposeOption string

func (p purposeOption) applySession(cfg *sessionConfig) { cfg.card.Purpose = string(p) }
func (p purposeOption) applyMutex(m *Mutex)             { m.purpose = string(p) }
func (p purposeOption) applyCampaign(cfg *campaign)     { cfg.purpose = string(p) }
func (p purposeOption) applyClaim(cfg *claimConfig)     { cfg.purpose = string(p) }
