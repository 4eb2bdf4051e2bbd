package etcdsource

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/conclavehq/conclave/internal/migrate"
)

// errorBox holds an error for several goroutines.
type errorBox struct {
	mu  sync.Mutex
	err error
}

func (b *errorBox) set(err error) {
	b.mu.Lock()
	b.err = err
	b.mu.Unlock()
}

func (b *errorBox) get() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.err
}

// passing tells whether another attempt, perhaps at another member, may do.
func passing(err error) bool {
	switch status.Code(err) {
	case codes.Unavailable, codes.DeadlineExceeded, codes.ResourceExhausted, codes.Aborted, codes.Internal:
		return true
	}
	return false
}

// notEnabled tells whether a user was named to an etcd that has none.
func notEnabled(err error) bool { return same(err, rpctypes.ErrGRPCAuthNotEnabled) }

// outdated tells whether another token would do.
func (e *Etcd) outdated(err error) bool {
	return e.config.User != "" && (same(err, rpctypes.ErrGRPCInvalidAuthToken) || same(err, rpctypes.ErrGRPCAuthOldRevision) ||
		same(err, rpctypes.ErrGRPCUserEmpty))
}

// same compares by text: that is what etcd keeps the same from version to version.
func same(err, known error) bool {
	return err != nil && strings.Contains(err.Error(), status.Convert(known).Message())
}

// forgotten turns etcd's complaint about a compacted revision into one that says how
// far it was compacted.
func (e *Etcd) forgotten(_ context.Context, err error, revision int64) error {
	if same(err, rpctypes.ErrGRPCCompacted) {
		return &migrate.CompactedError{Asked: revision}
	}
	return err
}

// explain turns a failure into a sentence that says what to do.
func (e *Etcd) explain(ctx context.Context, m *member, err error) error {
	if err == nil {
		return nil
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	text := status.Convert(err).Message()
	switch {
	case same(err, rpctypes.ErrGRPCCompacted):
		return err // the caller knows of which revision
	case same(err, rpctypes.ErrGRPCUserEmpty), same(err, rpctypes.ErrGRPCInvalidAuthToken):
		return fmt.Errorf("etcd at %s has authentication enabled; give --user NAME:PASSWORD of somebody who may read all keys, such as root", m.endpoint)
	case same(err, rpctypes.ErrGRPCAuthFailed):
		return fmt.Errorf("etcd at %s does not accept the user %q with this password", m.endpoint, e.config.User)
	case same(err, rpctypes.ErrGRPCPermissionDenied):
		return fmt.Errorf("the user %q may not read all of the keys and leases at %s; use root, or one whose role may", e.config.User, m.endpoint)
	}
	if _, told := status.FromError(err); !told {
		return err // it is ours
	}
	switch code := status.Code(err); {
	case code == codes.Unavailable && m.dialed.reason() != nil:
		return fmt.Errorf("cannot reach etcd at %s (%w); check --endpoints, and that it runs there", e.names(), m.dialed.reason())
	case code == codes.Unavailable, code == codes.DeadlineExceeded, code == codes.Unimplemented, code == codes.Unknown:
		return fmt.Errorf("etcd at %s does not answer as it should (%s); check --endpoints, http or https, and the certificates", m.endpoint, brief(text))
	}
	return fmt.Errorf("etcd at %s: %s", m.endpoint, brief(text))
}

// names are the endpoints in a sentence.
func (e *Etcd) names() string { return strings.Join(e.config.Endpoints, ", ") }

// brief leaves out what grpc puts around the cause.
func brief(text string) string {
	for _, before := range []string{"connection error: desc = ", "transport: ", "etcdserver: "} {
		if _, after, found := strings.Cut(text, before); found {
			text = after
		}
	}
	return strings.Trim(text, `"`)
}

// isCompacted tells whether an error is that of a forgotten revision.
func isCompacted(err error) bool {
	var compacted *migrate.CompactedError
	return errors.As(err, &compacted)
}
