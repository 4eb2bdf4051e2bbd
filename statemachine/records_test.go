package statemachine

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	storagev1 "github.com/conclavehq/conclave/proto/gen/conclave/storage/v1"
)

var rewrite = flag.Bool("rewrite", false, "write the golden files again")

// Promise S4: the records of a directory do not change.
func TestGoldenRecords(t *testing.T) {
	var out strings.Builder
	show := func(what string, key []byte, rec record) {
		fmt.Fprintf(&out, "# %s\n%x\n%x\n", what, key, mustEncode(rec))
	}
	show("shard", shardKey, &storagev1.ShardRecord{AppliedIndex: 1000, ClockMs: 123_456, Epoch: 7, Format: FormatVersion})
	show("namespace 1 at revision 300", namespaceKey(1), &storagev1.NamespaceRecord{Revision: 300})
	show("namespace 258, dropped", namespaceKey(258), &storagev1.NamespaceRecord{Revision: 2, Dropped: true})

	path := filepath.Join("testdata", "records_v1.hex")
	if *rewrite {
		if err := os.WriteFile(path, []byte(out.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	same(t, "records", string(want), out.String())
}

// A directory of another format is not opened.
func TestOtherFormatsAreRefused(t *testing.T) {
	r := open(t, t.TempDir())
	r.applier.shard.Format = FormatVersion + 1
	r.must(put("a", "1"))
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	_, err := New(r.config).Open(make(chan struct{}))
	if err == nil || !strings.Contains(err.Error(), "the directory has format 2, this program knows 1") {
		t.Errorf("got %v", err)
	}
}
