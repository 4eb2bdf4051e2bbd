package conclave

import (
	"context"
	"iter"

	conclavev1 "github.com/conclavehq/conclave/proto/gen/conclave/v1"
)

// RangeOption changes what Range, All and OpGet read.
type RangeOption interface {
	applyRange(*conclavev1.RangeRequest)
}

// ReadOption says as of when something is read: by Get as well as by Range.
type ReadOption interface {
	RangeOption
	isRead()
}

// SpanOption makes many keys out of one: for Range, All, Delete, Watch, OpGet,
// OpDelete and comparisons.
type SpanOption interface {
	RangeOption
	DeleteOption
	WatchOption
	applySpan(*conclavev1.Span)
}

type rangeOptionFunc func(*conclavev1.RangeRequest)

func (f rangeOptionFunc) applyRange(req *conclavev1.RangeRequest) { f(req) }

type readOptionFunc func(*conclavev1.RangeRequest)

func (f readOptionFunc) applyRange(req *conclavev1.RangeRequest) { f(req) }
func (readOptionFunc) isRead()                                   {}

type spanOption func(*conclavev1.Span)

func (f spanOption) applyRange(req *conclavev1.RangeRequest)   { f(req.Span) }
func (f spanOption) applyDelete(req *conclavev1.DeleteRequest) { f(req.Span) }
func (f spanOption) applyWatch(w *watch)                       { f(w.req.Span) }
func (f spanOption) applySpan(span *conclavev1.Span)           { f(span) }

// WithPrefix means all keys that start with the key; the empty key means all.
func WithPrefix() SpanOption {
	return spanOption(func(s *conclavev1.Span) { s.Extent = &conclavev1.Span_Prefix{Prefix: true} })
}

// WithEnd means all keys from the key up to, not including, end.
func WithEnd(end string) SpanOption {
	return spanOption(func(s *conclavev1.Span) { s.Extent = &conclavev1.Span_End{End: end} })
}

// WithFromKey means all keys from the key on.
func WithFromKey() SpanOption {
	return spanOption(func(s *conclavev1.Span) { s.Extent = &conclavev1.Span_FromKey{FromKey: true} })
}

// AtRevision reads the past. Default: the current revision.
func AtRevision(revision Revision) ReadOption {
	return readOptionFunc(func(req *conclavev1.RangeRequest) { req.Revision = int64(revision) })
}

// Serializable reads what the node that is asked has, without asking the
// leader: faster, works without a majority, and may be stale. It is never older
// than since, e.g. the revision of an own write; give 0 for no such bound.
func Serializable(since Revision) ReadOption {
	return readOptionFunc(func(req *conclavev1.RangeRequest) {
		req.Serializable = true
		req.MinRevision = int64(since)
	})
}

// WithLimit cuts the answer. Default: none, but Range cuts at 4 MiB.
func WithLimit(n int64) RangeOption {
	return rangeOptionFunc(func(req *conclavev1.RangeRequest) { req.Limit = n })
}

// KeysOnly leaves values out.
func KeysOnly() RangeOption {
	return rangeOptionFunc(func(req *conclavev1.RangeRequest) { req.KeysOnly = true })
}

// CountOnly answers with the count alone.
func CountOnly() RangeOption {
	return rangeOptionFunc(func(req *conclavev1.RangeRequest) { req.CountOnly = true })
}

// ModifiedSince leaves out what was not written at that revision or later.
func ModifiedSince(revision Revision) RangeOption {
	return rangeOptionFunc(func(req *conclavev1.RangeRequest) { req.MinModRevision = int64(revision) })
}

// SortBy is what a range is sorted by.
type SortBy int32

// What a range can be sorted by.
const (
	SortByKey      = SortBy(conclavev1.SortTarget_SORT_TARGET_KEY)
	SortByVersion  = SortBy(conclavev1.SortTarget_SORT_TARGET_VERSION)
	SortByCreated  = SortBy(conclavev1.SortTarget_SORT_TARGET_CREATE_REVISION)
	SortByModified = SortBy(conclavev1.SortTarget_SORT_TARGET_MOD_REVISION)
	SortByValue    = SortBy(conclavev1.SortTarget_SORT_TARGET_VALUE)
)

// Sorted sorts the answer. Default: by key, ascending.
func Sorted(by SortBy, descending bool) RangeOption {
	return rangeOptionFunc(func(req *conclavev1.RangeRequest) {
		req.SortTarget = conclavev1.SortTarget(by)
		req.SortOrder = conclavev1.SortOrder_SORT_ORDER_ASCEND
		if descending {
			req.SortOrder = conclavev1.SortOrder_SORT_ORDER_DESCEND
		}
	})
}

// RangeResult is what Range read.
type RangeResult struct {
	// Revision is as of when.
	Revision Revision
	KVs      []KV
	// Count is how many keys there are, whatever limit and filters say.
	Count int64
	// More says that the answer was cut.
	More bool
}

// Range reads a key, or many with WithPrefix, WithEnd or WithFromKey, in one
// answer. To find nothing is no error.
func (c *Client) Range(ctx context.Context, key string, opts ...RangeOption) (*RangeResult, error) {
	req := rangeRequest(key, opts)
	req.Namespace = c.where()
	res, err := c.rangePage(ctx, req)
	return res, during(err, "get %q", key)
}

// All goes through many keys in their order, all as of one revision, page by
// page. Sorted has no effect.
func (c *Client) All(ctx context.Context, key string, opts ...RangeOption) iter.Seq2[KV, error] {
	return func(yield func(KV, error) bool) {
		req := rangeRequest(key, opts)
		req.Namespace = c.where()
		req.SortOrder, req.SortTarget = 0, 0
		left := req.GetLimit()
		for {
			if req.Limit = pageSize; left > 0 {
				req.Limit = min(pageSize, left)
			}
			page, err := c.rangePage(ctx, req)
			if err != nil {
				yield(KV{}, during(err, "get %q", key))
				return
			}
			for _, kv := range page.KVs {
				if !yield(kv, nil) {
					return
				}
			}
			if left > 0 {
				if left -= int64(len(page.KVs)); left <= 0 {
					return
				}
			}
			if !page.More || len(page.KVs) == 0 {
				return
			}
			if req.GetRevision() == 0 {
				req.Revision = int64(page.Revision) // of this and all further pages
			}
			req.Span = spanAfter(req.GetSpan(), page.KVs[len(page.KVs)-1].Key)
		}
	}
}

func rangeRequest(key string, opts []RangeOption) *conclavev1.RangeRequest {
	req := &conclavev1.RangeRequest{Span: &conclavev1.Span{Key: key}}
	for _, opt := range opts {
		opt.applyRange(req)
	}
	return req
}

func (c *Client) rangePage(ctx context.Context, req *conclavev1.RangeRequest) (*RangeResult, error) {
	res, err := read(ctx, c, (*services).Range, req)
	if err != nil {
		return nil, err
	}
	return rangeFrom(res), nil
}

func rangeFrom(res *conclavev1.RangeResponse) *RangeResult {
	return &RangeResult{
		Revision: Revision(res.GetRevision()),
		KVs:      each(res.GetKvs(), kvFrom),
		Count:    res.GetCount(),
		More:     res.GetMore(),
	}
}
