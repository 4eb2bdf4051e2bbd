package rpc

import (
	"fmt"
	"time"

	conclavev1 "github.com/conclavehq/conclave/proto/gen/conclave/v1"
)

const (
	// maxImportBytes bounds a request that brings keys: those of another store may be
	// larger than ours.
	maxImportBytes = 12 << 20
	// maxImportedTTL is etcd's longest: 9,000,000,000 seconds.
	maxImportedTTL = 9_000_000_000 * time.Second
	maxHold        = 24 * time.Hour
)

// importKeys looks at what can be said without knowing the namespace; the rest is
// decided when the command is applied.
func (c *check) importKeys(req *conclavev1.ImportKeysRequest) {
	c.name("source", req.GetSource())
	c.revision("expected_revision", req.GetExpectedRevision())
	c.duration("hold", req.GetHold(), 0, maxHold)
	if part := req.GetPart(); part != nil {
		if len(req.GetRevisions()) > 0 {
			c.invalid("part", "and revisions exclude each other; give one of them")
		}
		c.within("part.", func() {
			key, _ := bounds(part.GetKey(), part.GetRangeEnd())
			c.orderedRange("range_end", key, part.GetRangeEnd())
			if part.GetRevision() < 1 {
				c.invalid("revision", "must be that of the copy, above 0, not %d", part.GetRevision())
			}
			if len(part.GetRangeEnd()) == 0 && !part.GetLast() {
				c.invalid("range_end", "is missing; only the last part may go on to the end")
			}
			for i, key := range part.GetKeys() {
				c.present(key.GetKey(), "keys[%d].key", i)
			}
		})
	}
	for i, revision := range req.GetRevisions() {
		c.within(fmt.Sprintf("revisions[%d].", i), func() { c.importedRevision(revision) })
	}
	for i, lease := range req.GetLeases() {
		c.within(fmt.Sprintf("leases[%d].", i), func() { c.leaseRecord(lease) })
	}
}

func (c *check) importedRevision(revision *conclavev1.ImportedRevision) {
	if revision.GetRevision() < 1 {
		c.invalid("revision", "must be above 0, not %d", revision.GetRevision())
	}
	for i, change := range revision.GetChanges() {
		switch change := change.GetChange().(type) {
		case *conclavev1.ImportedChange_Put:
			c.present(change.Put.GetKey(), "changes[%d].put.key", i)
		case *conclavev1.ImportedChange_Delete:
			c.present(change.Delete.GetKey(), "changes[%d].delete.key", i)
			if emptyRange(change.Delete.GetKey(), change.Delete.GetRangeEnd()) {
				c.invalid(fmt.Sprintf("changes[%d].delete.range_end", i), "must come after the key; the range has no keys")
			}
		default:
			c.invalid(fmt.Sprintf("changes[%d]", i), "has neither put nor delete")
		}
	}
}

// present is for a key of another store: whatever bytes that takes. There are many of
// them, so their place is only named when one is missing.
func (c *check) present(key []byte, field string, i int) {
	if len(key) == 0 {
		c.invalid(fmt.Sprintf(field, i), "is missing")
	}
}

func (c *check) leaseRecord(lease *conclavev1.LeaseRecord) {
	if lease.GetLeaseId() == 0 {
		c.invalid("lease_id", "is missing")
	}
	if lease.GetTtl() == nil {
		c.invalid("ttl", "is missing")
	}
	c.duration("ttl", lease.GetTtl(), minTTL, maxImportedTTL)
}

// orderedRange refuses a range without keys; no end is none.
func (c *check) orderedRange(field string, key, end []byte) {
	if emptyRange(key, end) {
		c.invalid(field, "must come after the key; the range has no keys")
	}
}

// exportLimit is a limit of keys or leases.
func (c *check) exportLimit(limit int32) {
	if limit < 0 || limit > maxPage {
		c.invalid("limit", "must be 0 (for %d) to %d, not %d", maxPage, maxPage, limit)
	}
}
