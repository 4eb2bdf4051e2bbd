package mvcc

import (
	"bytes"
	"encoding/hex"
	"flag"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	logv1 "github.com/conclavehq/conclave/proto/gen/conclave/log/v1"
)

var rewrite = flag.Bool("rewrite", false, "write the golden files anew; only for a new format version")

// goldenRecords are records of every kind with values at the edges.
func goldenRecords() []struct {
	name       string
	key, value []byte
} {
	first := version{create: 2, mod: 2, number: 1, value: []byte("v")}
	big := version{create: 300, mod: math.MaxInt64, number: 1 << 40, lease: -5}
	return []struct {
		name       string
		key, value []byte
	}{
		{"latest: first version", latestKey(7, []byte("a\x00b")), encodeLatest(nil, first)},
		{"latest: large numbers, negative lease, no value", latestKey(7, []byte("k")), encodeLatest(nil, big)},
		{"history: ended at 9", historyKey(7, []byte("a\x00b"), 2), encodeEnded(nil, 9, encodeLatest(nil, first))},
		{"revision: put of a new key", revisionKey(7, 2, 0),
			change{kind: logv1.KVEvent_TYPE_PUT, key: []byte("a\x00b")}.encode(nil)},
		{"revision: third change, delete", revisionKey(7, 9, 2),
			change{kind: logv1.KVEvent_TYPE_DELETE, previous: 300, key: []byte("k")}.encode(nil)},
		{"lease key", leaseKey(7, -5, []byte("k")), []byte{}},
		{"compacted to 300", compactedKey(7), encodeRevision(300)},
		{"all changes are known from 301 on", watchableKey(7), encodeRevision(301)},
	}
}

// Promise S4: the format on disk does not change by accident.
func TestRecordsMatchTheGoldenFile(t *testing.T) {
	var out strings.Builder
	for _, record := range goldenRecords() {
		fmt.Fprintf(&out, "# %s\n%x\n%x\n", record.name, record.key, record.value)
	}
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
	if out.String() != string(want) {
		t.Errorf("records changed; an old store would not be readable.\nwant:\n%s\ngot:\n%s", want, out.String())
	}
}

func TestRecordsDecodeToWhatWasEncoded(t *testing.T) {
	for _, v := range []version{
		{create: 2, mod: 2, number: 1, value: []byte("v")},
		{create: 300, mod: math.MaxInt64, number: 1 << 40, lease: math.MinInt64, value: []byte{}},
	} {
		got, err := decodeLatest(encodeLatest(nil, v))
		if err != nil || fmt.Sprint(got) != fmt.Sprint(v) {
			t.Errorf("latest %v came back as %v, %v", v, got, err)
		}
		end, got, err := decodeEnded(encodeEnded(nil, 77, encodeLatest(nil, v)))
		if err != nil || end != 77 || fmt.Sprint(got) != fmt.Sprint(v) {
			t.Errorf("history %v came back as %v ended at %d, %v", v, got, end, err)
		}
	}
}

// A record of another format, or half a record, stops the replica.
func TestDamagedRecordsAreRefused(t *testing.T) {
	for _, text := range []string{"", "00", "02020201", "01", "0180", "010302", "01ffffffffffffffffffff0101"} {
		record, err := hex.DecodeString(text)
		if err != nil {
			t.Fatal(err)
		}
		if v, err := decodeLatest(record); err == nil {
			t.Errorf("latest %q decodes to %v", text, v)
		}
		if _, v, err := decodeEnded(record); err == nil {
			t.Errorf("history %q decodes to %v", text, v)
		}
		if c, err := decodeChange(record); err == nil {
			t.Errorf("revision %q decodes to %v", text, c)
		}
	}
}

func FuzzRecords(f *testing.F) {
	for _, record := range goldenRecords() {
		f.Add(record.value)
	}
	f.Fuzz(func(t *testing.T, record []byte) {
		if v, err := decodeLatest(record); err == nil {
			again, err := decodeLatest(encodeLatest(nil, v))
			if err != nil || again.mod != v.mod || !bytes.Equal(again.value, v.value) {
				t.Fatalf("latest %x: %v, then %v, %v", record, v, again, err)
			}
		}
		if end, v, err := decodeEnded(record); err == nil {
			again, w, err := decodeEnded(encodeEnded(nil, end, encodeLatest(nil, v)))
			if err != nil || again != end || w.create != v.create || w.lease != v.lease {
				t.Fatalf("history %x: %v, then %v, %v", record, v, w, err)
			}
		}
		if c, err := decodeChange(record); err == nil {
			again, err := decodeChange(c.encode(nil))
			if err != nil || again.previous != c.previous || !bytes.Equal(again.key, c.key) {
				t.Fatalf("revision %x: %v, then %v, %v", record, c, again, err)
			}
		}
	})
}
