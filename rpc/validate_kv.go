package rpc

import (
	"math"

	"google.golang.org/protobuf/types/known/structpb"

	conclavev1 "github.com/conclavehq/conclave/proto/gen/conclave/v1"
)

func (c *check) key(field, key string) {
	if key == "" {
		c.invalid(field, "is missing; give 1 to %d bytes", maxKeyBytes)
	}
	c.boundedKey(field, key)
}

func (c *check) boundedKey(field, key string) {
	if len(key) > maxKeyBytes {
		c.tooLarge(field, "may have %d bytes, not %d", maxKeyBytes, len(key))
	}
	c.utf8(field, key)
}

func (c *check) span(span *conclavev1.Span) {
	switch {
	case span == nil:
		c.invalid("span", "is missing; give a key, and prefix, end or from_key for more than one")
		return
	case span.GetPrefix(), span.GetFromKey():
		c.boundedKey("span.key", span.GetKey()) // empty: all keys
		return
	}
	c.key("span.key", span.GetKey())
	if _, ok := span.GetExtent().(*conclavev1.Span_End); ok {
		c.key("span.end", span.GetEnd())
		if span.GetEnd() <= span.GetKey() {
			c.invalid("span.end", "must come after span.key; the span has no keys")
		}
	}
}

// value bounds a value, and refuses JSON that would not be stored as given.
func (c *check) value(field string, v *conclavev1.Value, limit int) {
	size := 0
	switch kind := v.GetKind().(type) {
	case *conclavev1.Value_Text:
		c.utf8(field, kind.Text)
		size = len(kind.Text)
	case *conclavev1.Value_Bytes:
		size = len(kind.Bytes)
	case *conclavev1.Value_Json:
		c.json(field+".json", kind.Json, maxValueDepth)
		if c.err != nil {
			return
		}
		size = len(valueBytes(v))
	}
	if size > limit {
		c.tooLarge(field, "may have %d bytes, not %d", limit, size)
	}
}

func (c *check) json(field string, v *structpb.Value, depth int) {
	if depth == 0 {
		c.invalid(field, "is nested more than %d deep", maxValueDepth)
		return
	}
	switch kind := v.GetKind().(type) {
	case nil:
		c.invalid(field, "has an empty value")
	case *structpb.Value_NumberValue:
		// All whole numbers up to here are exact; beyond, digits get lost.
		if n := kind.NumberValue; math.IsNaN(n) || math.Abs(n) > 1<<53 {
			c.invalid(field, "has the number %g, which JSON numbers do not keep exactly; give it as a string, or the whole value as text", n)
		}
	case *structpb.Value_ListValue:
		for _, item := range kind.ListValue.GetValues() {
			c.json(field, item, depth-1)
		}
	case *structpb.Value_StructValue:
		for _, item := range kind.StructValue.GetFields() {
			c.json(field, item, depth-1)
		}
	}
}

func (c *check) guards(guards []*conclavev1.Guard) {
	if len(guards) > maxGuards {
		c.refuse(conclavev1.ErrorReason_ERROR_REASON_TOO_MANY_OPERATIONS, "guards", "may have %d entries, not %d", maxGuards, len(guards))
	}
	for _, guard := range guards {
		switch hold := guard.GetHold().(type) {
		case *conclavev1.Guard_Mutex:
			c.name("guards.mutex.name", hold.Mutex.GetName())
			c.token("guards.mutex.token", hold.Mutex.GetToken())
		case *conclavev1.Guard_Election:
			c.name("guards.election.name", hold.Election.GetName())
			c.token("guards.election.term", hold.Election.GetTerm())
		case *conclavev1.Guard_Claim:
			c.name("guards.claim.queue", hold.Claim.GetQueue())
			c.jobID("guards.claim.job_id", hold.Claim.GetJobId())
			c.token("guards.claim.receipt", hold.Claim.GetReceipt())
		default:
			c.invalid("guards", "has an entry without mutex, election or claim")
		}
	}
}

func (c *check) put(req *conclavev1.PutRequest) {
	c.key("key", req.GetKey())
	c.value("value", req.GetValue(), maxValueBytes)
	c.optionalLease("lease_id", req.GetLeaseId())
	if req.GetIgnoreValue() && req.GetValue() != nil {
		c.invalid("value", "and ignore_value exclude each other; give one of them")
	}
	if req.GetIgnoreLease() && req.GetLeaseId() != 0 {
		c.invalid("lease_id", "and ignore_lease exclude each other; give one of them")
	}
}

func (c *check) get(req *conclavev1.GetRequest) {
	c.namespace(req.GetNamespace())
	c.key("key", req.GetKey())
	c.revision("revision", req.GetRevision())
	c.revision("min_revision", req.GetMinRevision())
}

func (c *check) rangeRead(req *conclavev1.RangeRequest) {
	c.span(req.GetSpan())
	if req.GetLimit() < 0 {
		c.invalid("limit", "must be 0 (for no limit) or more, not %d", req.GetLimit())
	}
	c.revision("revision", req.GetRevision())
	c.revision("min_revision", req.GetMinRevision())
	c.revision("min_mod_revision", req.GetMinModRevision())
	c.revision("max_mod_revision", req.GetMaxModRevision())
	c.revision("min_create_revision", req.GetMinCreateRevision())
	c.revision("max_create_revision", req.GetMaxCreateRevision())
	known(c, "sort_order", req.GetSortOrder(), conclavev1.SortOrder_name)
	known(c, "sort_target", req.GetSortTarget(), conclavev1.SortTarget_name)
}
