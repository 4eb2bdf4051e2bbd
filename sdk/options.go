package conclave

import (
	"cmp"
	"crypto/tls"
	"log/slog"
	"net/http"
	"time"
)

// How long things may take unless an Option says otherwise.
const (
	dialTimeoutDefault    = 2 * time.Second
	requestTimeoutDefault = 5 * time.Second
)

// Option changes how a Client works.
type Option interface {
	apply(*config)
}

type config struct {
	namespace      string
	logger         *slog.Logger
	dialTimeout    time.Duration
	requestTimeout time.Duration
	tls            *tls.Config
	httpClient     *http.Client
	unary          bool
}

func newConfig(opts []Option) config {
	var cfg config
	for _, opt := range opts {
		opt.apply(&cfg)
	}
	cfg.dialTimeout = cmp.Or(cfg.dialTimeout, dialTimeoutDefault)
	cfg.requestTimeout = cmp.Or(cfg.requestTimeout, requestTimeoutDefault)
	if cfg.logger == nil {
		cfg.logger = slog.New(slog.DiscardHandler)
	}
	return cfg
}

type optionFunc func(*config)

func (f optionFunc) apply(cfg *config) { f(cfg) }

// WithNamespace chooses the namespace of everything that the client does.
// Default: "default".
//
// When the namespace is deleted, the client's calls, watches and sessions fail with
// ErrNamespaceNotFound, also after one of that name was created again: that is
// another one, in which revisions, tokens and ids begin anew. Who wants to use it
// dials again.
func WithNamespace(name string) Option {
	return optionFunc(func(cfg *config) { cfg.namespace = name })
}

// WithLogger gets what happens in the background: failovers, renewals that
// fail, sessions and holds that are lost. Default: nothing is logged.
func WithLogger(logger *slog.Logger) Option {
	return optionFunc(func(cfg *config) { cfg.logger = logger })
}

// WithDialTimeout bounds how long it may take to connect to an endpoint before
// the next one is tried, and to find that its calls can share a stream. Default:
// 2 s.
func WithDialTimeout(d time.Duration) Option {
	return optionFunc(func(cfg *config) { cfg.dialTimeout = d })
}

// WithRequestTimeout bounds one attempt of a call that does not wait, before
// the next endpoint is tried. The call as a whole is bounded by its context
// alone. Default: 5 s.
func WithRequestTimeout(d time.Duration) Option {
	return optionFunc(func(cfg *config) { cfg.requestTimeout = d })
}

// WithTLS is used for endpoints that start with https. Default: the system's
// certificate authorities.
func WithTLS(cfg *tls.Config) Option {
	return optionFunc(func(c *config) { c.tls = cfg })
}

// WithHTTPClient replaces the connections of the SDK, e.g. by ones in memory.
// The client is used for calls and streams alike and should have no timeout of
// its own. The options for dialing and TLS have no effect then.
func WithHTTPClient(client *http.Client) Option {
	return optionFunc(func(cfg *config) { cfg.httpClient = client })
}

// WithoutPipeline makes every call a request of its own. Without this option
// that happens only where streams do not get through, and a client finds that
// out by itself.
func WithoutPipeline() Option {
	return optionFunc(func(cfg *config) { cfg.unary = true })
}
