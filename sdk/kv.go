package conclave

import (
	"context"

	conclavev1 "github.com/conclavehq/conclave/proto/gen/conclave/v1"
)

// KV is one version of a key.
type KV struct {
	Key   string
	Value []byte
	// Created and Modified are the revisions of the first and of this version
	// since the key exists; Version counts them from 1.
	Created, Modified Revision
	Version           int64
	// Lease is what the key lives as long as; 0 is none.
	Lease LeaseID
}

// String is the value as text.
func (kv KV) String() string { return string(kv.Value) }

// PutOption changes what Put and OpPut do.
type PutOption interface {
	applyPut(*conclavev1.PutRequest)
}

type putOptionFunc func(*conclavev1.PutRequest)

func (f putOptionFunc) applyPut(req *conclavev1.PutRequest) { f(req) }

// WithLease deletes the key when the lease ends, e.g. that of Session.ID.
func WithLease(id LeaseID) PutOption {
	return putOptionFunc(func(req *conclavev1.PutRequest) { req.LeaseId = int64(id) })
}

// KeepLease keeps the lease that the key has. The key must exist.
func KeepLease() PutOption {
	return putOptionFunc(func(req *conclavev1.PutRequest) { req.IgnoreLease = true })
}

// KeepValue keeps the value that the key has, for changing its lease. The value
// that is given must be empty, and the key must exist.
func KeepValue() PutOption {
	return putOptionFunc(func(req *conclavev1.PutRequest) { req.IgnoreValue = true })
}

// Put writes one key and returns the revision of the write. Keys are text of 1
// to 4096 bytes, values any bytes up to 1 MiB.
func (c *Client) Put(ctx context.Context, key, value string, opts ...PutOption) (Revision, error) {
	req := putRequest(key, value, opts)
	req.Namespace = c.where()
	res, err := mutate(ctx, c, (*services).Put, req, &req.RequestId)
	if err != nil {
		return 0, during(err, "put %q", key)
	}
	return Revision(res.GetRevision()), nil
}

func putRequest(key, value string, opts []PutOption) *conclavev1.PutRequest {
	req := &conclavev1.PutRequest{Key: key}
	for _, opt := range opts {
		opt.applyPut(req)
	}
	if !req.GetIgnoreValue() || value != "" {
		req.Value = textValue(value)
	}
	return req
}

// Get reads one key. It fails with ErrKeyNotFound when there is none; the
// *Error says as of which Revision.
func (c *Client) Get(ctx context.Context, key string, opts ...ReadOption) (KV, error) {
	r := rangeRequest(key, nil)
	for _, opt := range opts {
		opt.applyRange(r)
	}
	res, err := read(ctx, c, (*services).Get, &conclavev1.GetRequest{
		Namespace:    c.where(),
		Key:          key,
		Revision:     r.GetRevision(),
		Serializable: r.GetSerializable(),
		MinRevision:  r.GetMinRevision(),
	})
	if err != nil {
		return KV{}, during(err, "get %q", key)
	}
	if res.GetKv() == nil {
		missing := &Error{
			Reason:   reasonKeyNotFound,
			Message:  "there is no such key",
			Revision: Revision(res.GetRevision()),
		}
		return KV{}, during(missing, "get %q", key)
	}
	return kvFrom(res.GetKv()), nil
}

// Deleted is what Delete did.
type Deleted struct {
	Revision Revision
	// Count is how many keys there were.
	Count int64
	// Previous holds them, if WithPrevious asked for it.
	Previous []KV
}

// DeleteOption changes what Delete and OpDelete do.
type DeleteOption interface {
	applyDelete(*conclavev1.DeleteRequest)
}

// Delete deletes one key, or many with WithPrefix, WithEnd or WithFromKey. To
// delete what is not there is no error.
func (c *Client) Delete(ctx context.Context, key string, opts ...DeleteOption) (Deleted, error) {
	req := deleteRequest(key, opts)
	req.Namespace = c.where()
	res, err := mutate(ctx, c, (*services).Delete, req, &req.RequestId)
	if err != nil {
		return Deleted{}, during(err, "delete %q", key)
	}
	return Deleted{
		Revision: Revision(res.GetRevision()),
		Count:    res.GetDeleted(),
		Previous: each(res.GetPrevious(), kvFrom),
	}, nil
}

func deleteRequest(key string, opts []DeleteOption) *conclavev1.DeleteRequest {
	req := &conclavev1.DeleteRequest{Span: &conclavev1.Span{Key: key}}
	for _, opt := range opts {
		opt.applyDelete(req)
	}
	return req
}

// Compact forgets the history before a revision. Reads and watches at older
// revisions fail with ErrCompacted from then on.
func (c *Client) Compact(ctx context.Context, revision Revision) error {
	req := &conclavev1.CompactRequest{Namespace: c.where(), Revision: int64(revision)}
	_, err := mutate(ctx, c, (*services).Compact, req, &req.RequestId)
	return during(err, "compact up to revision %d", revision)
}

func kvFrom(kv *conclavev1.KeyValue) KV {
	key := kv.GetKey()
	if key == "" {
		key = string(kv.GetKeyBytes())
	}
	return KV{
		Key:      key,
		Value:    valueBytes(kv.GetValue()),
		Created:  Revision(kv.GetCreateRevision()),
		Modified: Revision(kv.GetModRevision()),
		Version:  kv.GetVersion(),
		Lease:    LeaseID(kv.GetLeaseId()),
	}
}
