package conclave_test

import (
	"bytes"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	conclave "github.com/conclavehq/conclave/sdk"
)

// fresh is a client of a namespace of its own.
func fresh(t *testing.T, name string) *conclave.Client {
	t.Helper()
	if _, err := dial(t).CreateNamespace(t.Context(), name); err != nil {
		t.Fatal(err)
	}
	return dial(t, conclave.WithNamespace(name))
}

// Guarantees I1, I3 and I7: keys come in and go out as they are, whatever their bytes
// and their size.
func TestTransfer(t *testing.T) {
	ctx := t.Context()
	c := fresh(t, "transfer")
	keys := []conclave.KV{
		{Key: "\x00", Value: []byte("first"), Created: 2, Modified: 2, Version: 1},
		{Key: "a", Value: bytes.Repeat([]byte("large"), 1<<20), Created: 3, Modified: 90, Version: 12, Lease: -5},
		{Key: "\xff\xff", Created: 90, Modified: 90, Version: 1},
	}
	leases := []conclave.StoredLease{{ID: -5, TTL: 300 * 24 * time.Hour}}
	got, err := c.ImportKeys(ctx, conclave.ImportBatch{
		Source: "elsewhere", Expected: 1, Leases: leases, Hold: time.Hour,
		Part: &conclave.ImportPart{Revision: 90, First: true, To: "b", Keys: keys[:2]},
	})
	if want := (conclave.ImportResult{Revision: 90, Put: 2}); err != nil || !cmp.Equal(got, want) {
		t.Fatalf("%+v, %v", got, err)
	}
	status, err := c.ImportStatus(ctx)
	if want := (conclave.ImportStatus{Source: "elsewhere", Revision: 90, Imported: 90}); err != nil || status != want {
		t.Fatalf("%+v, %v", status, err)
	}
	if _, err := c.ImportKeys(ctx, conclave.ImportBatch{
		Source: "elsewhere", Expected: 90, Part: &conclave.ImportPart{Revision: 90, Last: true, From: "b", Keys: keys[2:]},
	}); err != nil {
		t.Fatal(err)
	}

	put := conclave.KV{Key: "new", Created: 91, Modified: 91, Version: 1}
	got, err = c.ImportKeys(ctx, conclave.ImportBatch{Source: "elsewhere", Expected: 90, Revisions: []conclave.ImportedRevision{
		{Revision: 91, Changes: []conclave.ImportedChange{{Put: &put}, {Delete: "\x00"}}},
		{Revision: 92, Changes: []conclave.ImportedChange{{Delete: "n", To: "o", Count: 1}}},
	}})
	if want := (conclave.ImportResult{Revision: 92, Put: 1, Deleted: 2}); err != nil || !cmp.Equal(got, want) {
		t.Fatalf("%+v, %v", got, err)
	}

	for at, want := range map[conclave.Revision][]conclave.KV{90: keys, 0: keys[1:]} {
		var all []conclave.KV
		from := ""
		for more := true; more; {
			page, err := c.ExportKeys(ctx, from, "", at, false)
			if err != nil {
				t.Fatal(err)
			}
			if all, more = append(all, page.Keys...), page.More; more {
				from = all[len(all)-1].Key + "\x00"
			}
		}
		if diff := cmp.Diff(want, all, cmp.Comparer(bytes.Equal)); diff != "" {
			t.Errorf("keys at revision %d (-want +got):\n%s", at, diff)
		}
	}
	page, err := c.ExportLeases(ctx, 0)
	if diff := cmp.Diff(conclave.ExportedLeases{Revision: 92, Leases: leases}, page); err != nil || diff != "" {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
}

// Guarantee I4: nobody's keys are overwritten, and nobody's writes are mixed in.
func TestTransferRefusals(t *testing.T) {
	ctx := t.Context()
	c := fresh(t, "transfer-refused")
	part := &conclave.ImportPart{Revision: 90, First: true, Last: true}
	if _, err := c.Put(ctx, "mine", "x"); err != nil {
		t.Fatal(err)
	}
	_, err := c.ImportKeys(ctx, conclave.ImportBatch{Source: "elsewhere", Expected: 2, Part: part})
	if !errors.Is(err, conclave.ErrNamespaceNotEmpty) {
		t.Errorf("over other keys: %v", err)
	}
	if _, err := c.Delete(ctx, "mine"); err != nil {
		t.Fatal(err)
	}
	_, err = c.ImportKeys(ctx, conclave.ImportBatch{Source: "elsewhere", Expected: 2, Part: part})
	var refused *conclave.Error
	if !errors.Is(err, conclave.ErrImportConflict) || !errors.As(err, &refused) || refused.Revision != 3 {
		t.Errorf("at another revision: %v", err)
	}
	_, err = c.ImportKeys(ctx, conclave.ImportBatch{Source: "elsewhere", Expected: 3, Part: &conclave.ImportPart{
		Revision: 90, First: true, Last: true, Keys: []conclave.KV{{Key: "large", Value: make([]byte, 13<<20), Created: 2, Modified: 2, Version: 1}},
	}})
	if !errors.Is(err, conclave.ErrTooLarge) {
		t.Errorf("too large: %v", err)
	}
}
