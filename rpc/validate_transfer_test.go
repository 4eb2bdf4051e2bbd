package rpc

import (
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"

	conclavev1 "github.com/conclavehq/conclave/proto/gen/conclave/v1"
)

func TestTransferRules(t *testing.T) {
	imports := func(change func(req *conclavev1.ImportKeysRequest)) func(*check) {
		req := &conclavev1.ImportKeysRequest{
			Source: "etcd", Part: &conclavev1.ImportPart{Revision: 5, First: true, Last: true},
		}
		change(req)
		return func(c *check) { c.importKeys(req) }
	}
	part := func(p *conclavev1.ImportPart) func(*check) {
		return imports(func(req *conclavev1.ImportKeysRequest) { req.Part = p })
	}
	change := func(change *conclavev1.ImportedChange) func(*check) {
		return imports(func(req *conclavev1.ImportKeysRequest) {
			req.Part = nil
			req.Revisions = []*conclavev1.ImportedRevision{{Revision: 6, Changes: []*conclavev1.ImportedChange{change}}}
		})
	}
	gone := func(d *conclavev1.ImportedDelete) func(*check) {
		return change(&conclavev1.ImportedChange{Change: &conclavev1.ImportedChange_Delete{Delete: d}})
	}
	lease := func(l *conclavev1.LeaseRecord) func(*check) {
		return imports(func(req *conclavev1.ImportKeysRequest) { req.Leases = []*conclavev1.LeaseRecord{l} })
	}
	testRules(t, []rule{
		{"all keys", imports(func(*conclavev1.ImportKeysRequest) {}), ""},
		{"any bytes", part(&conclavev1.ImportPart{
			Revision: 5, Key: []byte{0xFF}, RangeEnd: []byte{0xFF, 0}, Keys: []*conclavev1.KeyRecord{{Key: []byte{0xFF}}},
		}), ""},
		{"no source", imports(func(req *conclavev1.ImportKeysRequest) { req.Source = "" }), "source is missing; give 1 to 256 bytes"},
		{"negative revision", imports(func(req *conclavev1.ImportKeysRequest) { req.ExpectedRevision = -1 }), "expected_revision must be 0 or more, not -1"},
		{"long hold", imports(func(req *conclavev1.ImportKeysRequest) { req.Hold = durationpb.New(25 * time.Hour) }), "hold must be 0s to 24h0m0s, not 25h0m0s"},
		{"both", imports(func(req *conclavev1.ImportKeysRequest) { req.Revisions = make([]*conclavev1.ImportedRevision, 1) }),
			"part and revisions exclude each other; give one of them"},
		{"no revision", part(&conclavev1.ImportPart{Last: true}), "part.revision must be that of the copy, above 0, not 0"},
		{"no end", part(&conclavev1.ImportPart{Revision: 5}), "part.range_end is missing; only the last part may go on to the end"},
		{"empty range", part(&conclavev1.ImportPart{Revision: 5, RangeEnd: []byte{0}}), "part.range_end must come after the key; the range has no keys"},
		{"no key", part(&conclavev1.ImportPart{Revision: 5, Last: true, Keys: make([]*conclavev1.KeyRecord, 1)}), "part.keys[0].key is missing"},
		{"put", change(&conclavev1.ImportedChange{Change: &conclavev1.ImportedChange_Put{Put: &conclavev1.KeyRecord{Key: []byte("a")}}}), ""},
		{"put without key", change(&conclavev1.ImportedChange{Change: &conclavev1.ImportedChange_Put{Put: &conclavev1.KeyRecord{}}}), "revisions[0].changes[0].put.key is missing"},
		{"no change", change(&conclavev1.ImportedChange{}), "revisions[0].changes[0] has neither put nor delete"},
		{"delete", gone(&conclavev1.ImportedDelete{Key: []byte("a")}), ""},
		{"delete without key", gone(&conclavev1.ImportedDelete{}), "revisions[0].changes[0].delete.key is missing"},
		{"delete of nothing", gone(&conclavev1.ImportedDelete{Key: []byte("b"), RangeEnd: []byte("a")}),
			"revisions[0].changes[0].delete.range_end must come after the key; the range has no keys"},
		{"lease", lease(&conclavev1.LeaseRecord{LeaseId: -7, Ttl: durationpb.New(9_000_000_000 * time.Second)}), ""},
		{"lease without id", lease(&conclavev1.LeaseRecord{Ttl: durationpb.New(time.Second)}), "leases[0].lease_id is missing"},
		{"lease without TTL", lease(&conclavev1.LeaseRecord{LeaseId: 1}), "leases[0].ttl is missing"},
		{"short lease", lease(&conclavev1.LeaseRecord{LeaseId: 1, Ttl: durationpb.New(1)}), "leases[0].ttl must be 100ms to 2500000h0m0s, not 1ns"},
		{"page", func(c *check) { c.exportLimit(1000) }, ""},
		{"large page", func(c *check) { c.exportLimit(1001) }, "limit must be 0 (for 1000) to 1000, not 1001"},
	})
}
