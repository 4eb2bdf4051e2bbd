package rpc

import (
	"slices"
	"strconv"
	"unicode/utf8"

	logv1 "github.com/conclavehq/conclave/proto/gen/conclave/log/v1"
	conclavev1 "github.com/conclavehq/conclave/proto/gen/conclave/v1"
)

// noEnd as a range's end means that there is none.
var noEnd = []byte{0}

// keyRange is a span as the log has it: one key if end is empty.
func keyRange(span *conclavev1.Span) (key, end []byte) {
	key = []byte(span.GetKey())
	switch {
	case span.GetPrefix():
		end = prefixEnd(key)
	case span.GetFromKey():
		end = noEnd
	case span.GetEnd() != "":
		return key, []byte(span.GetEnd())
	default:
		return key, nil
	}
	if len(key) == 0 {
		key = []byte{0} // the smallest key
	}
	return key, end
}

// prefixEnd is the first key after all keys with the prefix.
func prefixEnd(prefix []byte) []byte {
	end := slices.Clone(prefix)
	for i := len(end) - 1; i >= 0; i-- {
		if end[i] < 0xff {
			end[i]++
			return end[:i+1]
		}
	}
	return noEnd
}

// printable is a key for showing only.
func printable(key []byte) string {
	if utf8.Valid(key) {
		return string(key)
	}
	return strconv.Quote(string(key))
}

func keyValue(kv *logv1.KeyValue) *conclavev1.KeyValue {
	out := keyOnly(kv)
	if out != nil {
		out.Value = value(kv.GetValue())
	}
	return out
}

// keyOnly leaves the value out, for answers that did not ask for values.
func keyOnly(kv *logv1.KeyValue) *conclavev1.KeyValue {
	if kv == nil {
		return nil
	}
	out := &conclavev1.KeyValue{
		CreateRevision: kv.GetCreateRevision(),
		ModRevision:    kv.GetModRevision(),
		Version:        kv.GetVersion(),
		LeaseId:        kv.GetLeaseId(),
	}
	if utf8.Valid(kv.GetKey()) {
		out.Key = string(kv.GetKey())
	} else {
		out.KeyBytes = kv.GetKey()
	}
	return out
}

func kvEvent(e *logv1.KVEvent) *conclavev1.KVEvent {
	out := &conclavev1.KVEvent{Previous: keyValue(e.GetPrevious())}
	if e.GetType() == logv1.KVEvent_TYPE_DELETE {
		out.Type = conclavev1.KVEvent_TYPE_DELETE
		out.Kv = keyOnly(e.GetKv())
	} else {
		out.Type = conclavev1.KVEvent_TYPE_PUT
		out.Kv = keyValue(e.GetKv())
	}
	return out
}

func putCommand(req *conclavev1.PutRequest) *logv1.Put {
	return &logv1.Put{
		Key:         []byte(req.GetKey()),
		Value:       valueBytes(req.GetValue()),
		LeaseId:     req.GetLeaseId(),
		Previous:    req.GetPrevious(),
		IgnoreValue: req.GetIgnoreValue(),
		IgnoreLease: req.GetIgnoreLease(),
	}
}

func putResponse(revision int64, r *logv1.PutResult) *conclavev1.PutResponse {
	return &conclavev1.PutResponse{Revision: revision, Previous: keyValue(r.GetPrevious())}
}

func deleteCommand(req *conclavev1.DeleteRequest) *logv1.DeleteRange {
	key, end := keyRange(req.GetSpan())
	return &logv1.DeleteRange{Key: key, RangeEnd: end, Previous: req.GetPrevious()}
}

func deleteResponse(revision int64, r *logv1.DeleteRangeResult) *conclavev1.DeleteResponse {
	return &conclavev1.DeleteResponse{
		Revision: revision,
		Deleted:  r.GetDeleted(),
		Previous: each(r.GetPrevious(), keyValue),
	}
}

func rangeQuery(req *conclavev1.RangeRequest) *logv1.Range {
	key, end := keyRange(req.GetSpan())
	return &logv1.Range{
		Key:      key,
		RangeEnd: end,
		Limit:    req.GetLimit(),
		Revision: req.GetRevision(),
		// The numbers of both enumerations are the same; a test holds them so.
		SortOrder:         logv1.SortOrder(req.GetSortOrder()),
		SortTarget:        logv1.SortTarget(req.GetSortTarget()),
		KeysOnly:          req.GetKeysOnly(),
		CountOnly:         req.GetCountOnly(),
		MinModRevision:    req.GetMinModRevision(),
		MaxModRevision:    req.GetMaxModRevision(),
		MinCreateRevision: req.GetMinCreateRevision(),
		MaxCreateRevision: req.GetMaxCreateRevision(),
	}
}

// maxRangeBytes is where the answer of a range is cut.
const maxRangeBytes = 4 << 20

func rangeResponse(revision int64, r *logv1.RangeResult, keysOnly bool) *conclavev1.RangeResponse {
	out := &conclavev1.RangeResponse{Revision: revision, Count: r.GetCount(), More: r.GetMore()}
	translate := keyValue
	if keysOnly {
		translate = keyOnly
	}
	kvs, size := r.GetKvs(), 0
	for i, kv := range kvs {
		size += len(kv.GetKey()) + len(kv.GetValue())
		if size > maxRangeBytes && i > 0 {
			kvs, out.More = kvs[:i], true
			break
		}
	}
	out.Kvs = each(kvs, translate)
	return out
}
