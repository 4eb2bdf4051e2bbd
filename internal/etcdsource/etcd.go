package etcdsource

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"

	"github.com/conclavehq/conclave/internal/migrate"
)

// Config says where an etcd is and what to read.
type Config struct {
	// Endpoints are its client URLs, e.g. http://10.0.0.1:2379. Those without a scheme
	// are http, or https if there is a TLS configuration.
	Endpoints []string
	// User and Password are for an etcd with authentication; empty for one without.
	User, Password string
	// TLS is for https endpoints. Nil: the system's certificates.
	TLS *tls.Config
	// DialTimeout bounds one attempt to connect.
	DialTimeout time.Duration
	// Patience is how long Open tries all endpoints before it fails. Later calls try
	// for a minute at least, and changes are waited for without end.
	Patience time.Duration
	// Span is the keys that are read.
	Span migrate.Span
	// Note is told of trouble that is dealt with. It is called from several
	// goroutines.
	Note func(text string)
}

// Etcd is a connection to an etcd. All methods may be used by many goroutines.
type Etcd struct {
	config  Config
	members []*member
	cluster uint64
	// patience is how long a call is tried.
	patience time.Duration

	mu struct {
		sync.Mutex
		current int
		token   string
	}
}

var _ migrate.Origin = (*Etcd)(nil)

// Open finds out who answers at the endpoints.
func Open(ctx context.Context, config Config) (*Etcd, error) {
	e := &Etcd{config: config, patience: config.Patience}
	for _, endpoint := range config.Endpoints {
		m, err := newMember(endpoint, config)
		if err != nil {
			e.Close()
			return nil, err
		}
		e.members = append(e.members, m)
	}
	header, err := e.header(ctx)
	if err != nil {
		e.Close()
		return nil, err
	}
	e.cluster, e.patience = header.GetClusterId(), max(config.Patience, laterPatience)
	return e, nil
}

// laterPatience is how long a call is tried once there was an answer: a member may be
// restarted, or the leader elected anew.
const laterPatience = time.Minute

// sameCluster refuses answers of another cluster, whose endpoint was given by mistake.
func (e *Etcd) sameCluster(m *member, header *pb.ResponseHeader) error {
	if id := header.GetClusterId(); id != e.cluster {
		return fmt.Errorf("%s belongs to cluster %x, and another of the endpoints to %x; give those of one cluster", m.endpoint, id, e.cluster)
	}
	return nil
}

// Close ends all connections.
func (e *Etcd) Close() {
	for _, m := range e.members {
		m.close()
	}
}

// ClusterID is the id of the cluster that answers.
func (e *Etcd) ClusterID() uint64 { return e.cluster }

// maxNamedPrefix is how long a prefix may be to be in a name.
const maxNamedPrefix = 80

// Source names the cluster, and the keys if they are not all.
func (e *Etcd) Source() string {
	name := fmt.Sprintf("etcd cluster %x", e.cluster)
	switch from := e.config.Span.From; {
	case from == "":
		return name
	case len(from) <= maxNamedPrefix:
		return fmt.Sprintf("%s, keys that begin with %q", name, from)
	default:
		return fmt.Sprintf("%s, keys that begin with %q… (%d bytes)", name, from[:maxNamedPrefix], len(from))
	}
}

// Head is the current revision.
func (e *Etcd) Head(ctx context.Context) (int64, error) {
	header, err := e.header(ctx)
	return header.GetRevision(), err
}

// header asks for nothing but the header of the answer. It is linearizable.
func (e *Etcd) header(ctx context.Context) (*pb.ResponseHeader, error) {
	key, end := e.bounds("")
	res, err := try(ctx, e, func(ctx context.Context, m *member) (*pb.RangeResponse, error) {
		return m.kv.Range(ctx, &pb.RangeRequest{Key: key, RangeEnd: end, Limit: 1, KeysOnly: true})
	})
	return res.GetHeader(), err
}

// Count is how many keys there were at a revision.
func (e *Etcd) Count(ctx context.Context, revision int64) (int64, error) {
	key, end := e.bounds("")
	res, err := try(ctx, e, func(ctx context.Context, m *member) (*pb.RangeResponse, error) {
		return m.kv.Range(ctx, &pb.RangeRequest{Key: key, RangeEnd: end, CountOnly: true, Revision: revision})
	})
	return res.GetCount(), e.forgotten(ctx, err, revision)
}

// bounds are those of the span from a key on, as etcd spells them.
func (e *Etcd) bounds(from string) (key, end []byte) {
	if from == "" {
		from = e.config.Span.From
	}
	key, end = []byte(from), []byte(e.config.Span.To)
	if len(key) == 0 {
		key = []byte{0}
	}
	if len(end) == 0 {
		end = []byte{0}
	}
	return key, end
}

// target is where a member is, and whether it wants TLS.
type target struct {
	address string
	secure  bool
}

// EndpointError says that an endpoint makes no sense.
type EndpointError struct{ Endpoint string }

func (e *EndpointError) Error() string {
	return fmt.Sprintf("%q is not a URL such as http://127.0.0.1:2379", e.Endpoint)
}

// parse reads an endpoint as etcdctl does: a URL, or a host and a port.
func parse(endpoint string, secure bool) (target, error) {
	text := endpoint
	if !strings.Contains(text, "://") {
		scheme := "http://"
		if secure {
			scheme = "https://"
		}
		text = scheme + text
	}
	u, err := url.Parse(text)
	if err != nil || u.Hostname() == "" || !slices.Contains([]string{"http", "https"}, u.Scheme) || strings.Trim(u.Path, "/") != "" {
		return target{}, &EndpointError{Endpoint: endpoint}
	}
	port := u.Port()
	if port == "" {
		port = "2379"
	}
	return target{address: net.JoinHostPort(u.Hostname(), port), secure: u.Scheme == "https"}, nil
}
