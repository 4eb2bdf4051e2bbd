package conclave

import (
	"context"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"

	conclavev1 "github.com/conclavehq/conclave/proto/gen/conclave/v1"
)

// ImportBatch is one step of moving keys from another store into the client's
// namespace: a part of a copy, or the revisions that follow a complete one. It may
// have up to 12 MiB, and is taken whole or not at all.
type ImportBatch struct {
	// Source names the other store. A namespace is imported from one alone.
	Source string
	// Expected is the revision that the namespace must be at: what the batch before
	// gave, or ImportStatus. Leases alone are taken at any revision.
	Expected Revision
	// Part is a part of a copy, Revisions what follows it. One of them, or none.
	Part      *ImportPart
	Revisions []ImportedRevision
	// Leases are granted before the keys are looked at, or get their full TTL again.
	// Hold is how long they live beyond it.
	Leases []StoredLease
	Hold   time.Duration
	// Ended are leases that have ended in the other store. Those that still own
	// something here stay.
	Ended []LeaseID
}

// ImportPart is the keys of a range, as they are at the revision of a copy. Parts
// follow each other in key order without gaps.
type ImportPart struct {
	Revision    Revision
	First, Last bool
	// The range is that of the keys from From on and before To, and without To of all
	// from From on. Keys are strings of any bytes.
	From, To string
	Keys     []KV
}

// ImportedRevision is what one revision changed, in order.
type ImportedRevision struct {
	Revision Revision
	Changes  []ImportedChange
}

// ImportedChange is a put, or else a delete: of one key, or of those from Delete on
// and before To, which are Count.
type ImportedChange struct {
	Put    *KV
	Delete string
	To     string
	Count  int64
}

// StoredLease is a lease without its owner: who has it renews it.
type StoredLease struct {
	ID  LeaseID
	TTL time.Duration
}

// ImportResult is what a batch did.
type ImportResult struct {
	// Revision is the namespace's, to be expected by the next batch.
	Revision Revision
	// How many keys were put and deleted.
	Put, Deleted int64
	// Kept are those of the ended leases that own something here.
	Kept []LeaseID
}

// ImportKeys brings keys as another store has them: with their revisions, versions
// and leases. It fails with ErrNamespaceNotEmpty when a copy begins where other keys
// are, and with ErrImportConflict when the namespace is not what the batch takes it
// for, because somebody else writes to it.
func (c *Client) ImportKeys(ctx context.Context, b ImportBatch) (ImportResult, error) {
	req := &conclavev1.ImportKeysRequest{
		Namespace:        c.where(),
		Source:           b.Source,
		ExpectedRevision: int64(b.Expected),
		Part:             b.Part.proto(),
		Revisions:        each(b.Revisions, ImportedRevision.proto),
		Leases: each(b.Leases, func(l StoredLease) *conclavev1.LeaseRecord {
			return &conclavev1.LeaseRecord{LeaseId: int64(l.ID), Ttl: durationpb.New(l.TTL)}
		}),
		Hold:          durationpb.New(b.Hold),
		EndedLeaseIds: each(b.Ended, func(id LeaseID) int64 { return int64(id) }),
	}
	res, err := mutate(ctx, c, (*services).ImportKeys, req, &req.RequestId)
	if err != nil {
		return ImportResult{}, during(err, "import keys")
	}
	return ImportResult{
		Revision: Revision(res.GetRevision()),
		Put:      res.GetPut(), Deleted: res.GetDeleted(),
		Kept: each(res.GetKeptLeaseIds(), func(id int64) LeaseID { return LeaseID(id) }),
	}, nil
}

func (p *ImportPart) proto() *conclavev1.ImportPart {
	if p == nil {
		return nil
	}
	return &conclavev1.ImportPart{
		Revision: int64(p.Revision),
		First:    p.First,
		Last:     p.Last,
		Key:      []byte(p.From),
		RangeEnd: []byte(p.To),
		Keys:     each(p.Keys, keyRecord),
	}
}

func (r ImportedRevision) proto() *conclavev1.ImportedRevision {
	return &conclavev1.ImportedRevision{Revision: int64(r.Revision), Changes: each(r.Changes, ImportedChange.proto)}
}

func (c ImportedChange) proto() *conclavev1.ImportedChange {
	if c.Put != nil {
		return &conclavev1.ImportedChange{Change: &conclavev1.ImportedChange_Put{Put: keyRecord(*c.Put)}}
	}
	return &conclavev1.ImportedChange{Change: &conclavev1.ImportedChange_Delete{Delete: &conclavev1.ImportedDelete{
		Key: []byte(c.Delete), RangeEnd: []byte(c.To), Count: c.Count,
	}}}
}

func keyRecord(kv KV) *conclavev1.KeyRecord {
	return &conclavev1.KeyRecord{
		Key: []byte(kv.Key), Value: kv.Value, CreateRevision: int64(kv.Created),
		ModRevision: int64(kv.Modified), Version: kv.Version, LeaseId: int64(kv.Lease),
	}
}

// ImportStatus is how far a namespace was imported.
type ImportStatus struct {
	// Source names the other store; empty if nothing was imported.
	Source string
	// Revision is the namespace's now, and Imported the one that the last import left
	// it at. Somebody else has written when they differ.
	Revision, Imported Revision
	// Complete says that the copy is.
	Complete bool
}

// ImportStatus tells how far the client's namespace was imported.
func (c *Client) ImportStatus(ctx context.Context) (ImportStatus, error) {
	res, err := read(ctx, c, (*services).GetImport, &conclavev1.GetImportRequest{Namespace: c.where()})
	if err != nil {
		return ImportStatus{}, during(err, "read how far the namespace was imported")
	}
	return ImportStatus{
		Source:   res.GetSource(),
		Revision: Revision(res.GetRevision()), Imported: Revision(res.GetImportedRevision()),
		Complete: res.GetComplete(),
	}, nil
}

// ExportedKeys is a page of keys, in key order.
type ExportedKeys struct {
	// Revision is the one at which they were read.
	Revision Revision
	Keys     []KV
	// More says that the next page begins after the last key.
	More bool
}

// ExportKeys reads a page of the keys from one key on and before another, which may
// be empty for all, as they were at a revision; 0 is the current one. It costs as
// much as it answers, so all keys can be read page by page at one revision. keysOnly
// leaves the values out.
func (c *Client) ExportKeys(ctx context.Context, from, to string, at Revision, keysOnly bool) (ExportedKeys, error) {
	res, err := read(ctx, c, (*services).ExportKeys, &conclavev1.ExportKeysRequest{
		Namespace: c.where(), Key: []byte(from), RangeEnd: []byte(to), Revision: int64(at), KeysOnly: keysOnly,
	})
	if err != nil {
		return ExportedKeys{}, during(err, "read a page of keys")
	}
	return ExportedKeys{
		Revision: Revision(res.GetRevision()),
		Keys:     each(res.GetKeys(), keyFromRecord),
		More:     res.GetMore(),
	}, nil
}

func keyFromRecord(k *conclavev1.KeyRecord) KV {
	return KV{
		Key: string(k.GetKey()), Value: k.GetValue(), Created: Revision(k.GetCreateRevision()),
		Modified: Revision(k.GetModRevision()), Version: k.GetVersion(), Lease: LeaseID(k.GetLeaseId()),
	}
}

// ExportedLeases is a page of leases, by id.
type ExportedLeases struct {
	// Revision is the namespace's when they were read.
	Revision Revision
	Leases   []StoredLease
	// More says that the next page begins after the last lease.
	More bool
}

// ExportLeases reads a page of the leases after one; 0 is for the first page.
func (c *Client) ExportLeases(ctx context.Context, after LeaseID) (ExportedLeases, error) {
	res, err := read(ctx, c, (*services).ExportLeases, &conclavev1.ExportLeasesRequest{
		Namespace: c.where(), AfterLeaseId: int64(after),
	})
	if err != nil {
		return ExportedLeases{}, during(err, "read a page of leases")
	}
	return ExportedLeases{
		Revision: Revision(res.GetRevision()),
		Leases: each(res.GetLeases(), func(l *conclavev1.LeaseRecord) StoredLease {
			return StoredLease{ID: LeaseID(l.GetLeaseId()), TTL: l.GetTtl().AsDuration()}
		}),
		More: res.GetMore(),
	}, nil
}
