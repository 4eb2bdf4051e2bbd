package rpc

import (
	"bytes"
	"context"

	logv1 "github.com/conclavehq/conclave/proto/gen/conclave/log/v1"
	conclavev1 "github.com/conclavehq/conclave/proto/gen/conclave/v1"
)

type transferHandler struct{ *core }

// noUpperBound is a range end of the log's: another store's keys may be anything, so
// there is no highest one to name.
var noUpperBound = []byte{0}

func (h transferHandler) ImportKeys(ctx context.Context, req *conclavev1.ImportKeysRequest) (*conclavev1.ImportKeysResponse, error) {
	return mutate(ctx, h.core, req, planImportKeys)
}

func planImportKeys(req *conclavev1.ImportKeysRequest) (out change[conclavev1.ImportKeysResponse], err error) {
	if err := validated(req, func(c *check) { c.importKeys(req) }); err != nil {
		return out, err
	}
	out.of, out.command = req, &logv1.Command{Body: &logv1.Command_ImportKeys{ImportKeys: &logv1.ImportKeys{
		Source:           req.GetSource(),
		ExpectedRevision: req.GetExpectedRevision(),
		Part:             importPart(req.GetPart()),
		Revisions:        each(req.GetRevisions(), importedRevision),
		Leases:           each(req.GetLeases(), importedLease),
		HoldMs:           millis(req.GetHold()),
		EndedLeaseIds:    req.GetEndedLeaseIds(),
	}}}
	out.respond = func(result *logv1.Result) *conclavev1.ImportKeysResponse {
		done := result.GetImportKeys()
		return &conclavev1.ImportKeysResponse{
			Revision: result.GetRevision(), Put: done.GetPut(), Deleted: done.GetDeleted(), KeptLeaseIds: done.GetKeptLeaseIds(),
		}
	}
	return out, nil
}

func importPart(p *conclavev1.ImportPart) *logv1.ImportPart {
	if p == nil {
		return nil
	}
	key, end := bounds(p.GetKey(), p.GetRangeEnd())
	return &logv1.ImportPart{
		Revision: p.GetRevision(),
		First:    p.GetFirst(),
		Last:     p.GetLast(),
		Key:      key,
		RangeEnd: end,
		Keys:     each(p.GetKeys(), storedKey),
	}
}

// bounds are those of a range in the terms of the log: no key is before the one zero
// byte, and no range end is behind all keys.
func bounds(key, end []byte) (from, to []byte) {
	if len(key) == 0 {
		key = []byte{0}
	}
	if len(end) == 0 {
		end = noUpperBound
	}
	return key, end
}

func importedRevision(r *conclavev1.ImportedRevision) *logv1.ImportedRevision {
	return &logv1.ImportedRevision{Revision: r.GetRevision(), Changes: each(r.GetChanges(), importedChange)}
}

func importedChange(change *conclavev1.ImportedChange) *logv1.ImportedChange {
	if put := change.GetPut(); put != nil {
		return &logv1.ImportedChange{Change: &logv1.ImportedChange_Put{Put: storedKey(put)}}
	}
	gone := &logv1.ImportedDelete{Key: change.GetDelete().GetKey(), RangeEnd: change.GetDelete().GetRangeEnd(), Count: 1}
	if len(gone.RangeEnd) > 0 {
		gone.Count = change.GetDelete().GetCount()
	}
	return &logv1.ImportedChange{Change: &logv1.ImportedChange_Delete{Delete: gone}}
}

func importedLease(l *conclavev1.LeaseRecord) *logv1.ImportedLease {
	return &logv1.ImportedLease{LeaseId: l.GetLeaseId(), TtlMs: millis(l.GetTtl())}
}

func storedKey(k *conclavev1.KeyRecord) *logv1.KeyValue {
	return &logv1.KeyValue{
		Key: k.GetKey(), Value: k.GetValue(), CreateRevision: k.GetCreateRevision(),
		ModRevision: k.GetModRevision(), Version: k.GetVersion(), LeaseId: k.GetLeaseId(),
	}
}

func keyRecord(kv *logv1.KeyValue) *conclavev1.KeyRecord {
	return &conclavev1.KeyRecord{
		Key: kv.GetKey(), Value: kv.GetValue(), CreateRevision: kv.GetCreateRevision(),
		ModRevision: kv.GetModRevision(), Version: kv.GetVersion(), LeaseId: kv.GetLeaseId(),
	}
}

func (h transferHandler) GetImport(ctx context.Context, req *conclavev1.GetImportRequest) (*conclavev1.GetImportResponse, error) {
	if err := asked(req, func(*check) {}); err != nil {
		return nil, err
	}
	answer, err := h.query(ctx, req.GetNamespace(), linearizable, &logv1.Query{Body: &logv1.Query_GetImport{GetImport: &logv1.GetImport{}}})
	if err != nil {
		return nil, err
	}
	done := answer.GetGetImport()
	return &conclavev1.GetImportResponse{
		Revision: answer.GetRevision(), Source: done.GetSource(), ImportedRevision: done.GetRevision(), Complete: done.GetComplete(),
	}, nil
}

func (h transferHandler) ExportKeys(ctx context.Context, req *conclavev1.ExportKeysRequest) (*conclavev1.ExportKeysResponse, error) {
	return inquire(ctx, h.core, req, planExportKeys)
}

func planExportKeys(req *conclavev1.ExportKeysRequest) (out question[conclavev1.ExportKeysResponse], err error) {
	key, end := bounds(req.GetKey(), req.GetRangeEnd())
	return question[conclavev1.ExportKeysResponse]{
			namespace: req.GetNamespace(),
			query: &logv1.Query{Body: &logv1.Query_ExportKeys{ExportKeys: &logv1.ExportKeys{
				Key: key, RangeEnd: end, Revision: req.GetRevision(), Limit: req.GetLimit(), KeysOnly: req.GetKeysOnly(),
			}}},
			respond: func(answer *logv1.Answer) *conclavev1.ExportKeysResponse {
				page := answer.GetExportKeys()
				return &conclavev1.ExportKeysResponse{
					Revision: page.GetRevision(), Keys: each(page.GetKvs(), keyRecord), More: page.GetMore(),
				}
			},
		}, asked(req, func(c *check) {
			c.orderedRange("range_end", key, req.GetRangeEnd())
			c.revision("revision", req.GetRevision())
			c.exportLimit(req.GetLimit())
		})
}

func (h transferHandler) ExportLeases(ctx context.Context, req *conclavev1.ExportLeasesRequest) (*conclavev1.ExportLeasesResponse, error) {
	if err := asked(req, func(c *check) { c.exportLimit(req.GetLimit()) }); err != nil {
		return nil, err
	}
	limit := req.GetLimit()
	if limit == 0 {
		limit = maxPage
	}
	answer, err := h.query(ctx, req.GetNamespace(), linearizable, &logv1.Query{Body: &logv1.Query_ListLeases{
		ListLeases: &logv1.ListLeases{AfterLeaseId: req.GetAfterLeaseId(), Limit: limit},
	}})
	if err != nil {
		return nil, err
	}
	page := answer.GetListLeases()
	return &conclavev1.ExportLeasesResponse{
		Revision: answer.GetRevision(), Leases: each(page.GetLeases(), leaseRecord), More: page.GetMore(),
	}, nil
}

func leaseRecord(l *logv1.LeaseInfo) *conclavev1.LeaseRecord {
	return &conclavev1.LeaseRecord{LeaseId: l.GetLeaseId(), Ttl: duration(l.GetTtlMs())}
}

// emptyRange tells whether no key can be in a range; no end is none.
func emptyRange(key, end []byte) bool {
	return len(end) > 0 && bytes.Compare(key, end) >= 0
}
