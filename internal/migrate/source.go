package migrate

import (
	"context"

	"github.com/conclavehq/conclave/internal/archive"
	conclave "github.com/conclavehq/conclave/sdk"
)

// source reads a namespace for an archive, or to compare it.
type source struct {
	client   *conclave.Client
	span     Span
	revision conclave.Revision
}

// NewSource is the keys of a client's namespace at a revision, and its leases.
func NewSource(client *conclave.Client, span Span, revision conclave.Revision) archive.Source {
	return source{client: client, span: span, revision: revision}
}

// Keys implements archive.Source.
func (s source) Keys(ctx context.Context, from []byte) ([]archive.Key, bool, error) {
	start := string(from)
	if from == nil {
		start = s.span.From
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	page, err := s.client.ExportKeys(ctx, start, s.span.To, s.revision, false)
	if err != nil {
		return nil, false, err
	}
	keys := make([]archive.Key, 0, len(page.Keys))
	for _, kv := range page.Keys {
		keys = append(keys, archive.Key{
			Key: []byte(kv.Key), Value: kv.Value, CreateRevision: int64(kv.Created),
			ModRevision: int64(kv.Modified), Version: kv.Version, Lease: int64(kv.Lease),
		})
	}
	return keys, page.More, nil
}

// Leases implements archive.Source.
func (s source) Leases(ctx context.Context, after int64) ([]archive.Lease, bool, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	page, err := s.client.ExportLeases(ctx, conclave.LeaseID(after))
	if err != nil {
		return nil, false, err
	}
	leases := make([]archive.Lease, 0, len(page.Leases))
	for _, lease := range page.Leases {
		leases = append(leases, archive.Lease{ID: int64(lease.ID), TTL: lease.TTL})
	}
	return leases, page.More, nil
}

// allLeases reads the leases of a source.
func allLeases(ctx context.Context, s archive.Source) ([]conclave.StoredLease, error) {
	var leases []conclave.StoredLease
	for after, more := int64(0), true; more; {
		page, rest, err := s.Leases(ctx, after)
		if err != nil {
			return nil, err
		}
		for _, lease := range page {
			leases = append(leases, conclave.StoredLease{ID: conclave.LeaseID(lease.ID), TTL: lease.TTL})
			after = lease.ID
		}
		more = rest && len(page) > 0
	}
	return leases, nil
}

// kvOf is a key as the SDK has it.
func kvOf(k *archive.Key) conclave.KV {
	return conclave.KV{
		Key: string(k.Key), Value: k.Value, Created: conclave.Revision(k.CreateRevision),
		Modified: conclave.Revision(k.ModRevision), Version: k.Version, Lease: conclave.LeaseID(k.Lease),
	}
}
