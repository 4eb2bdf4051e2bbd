package main

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/conclavehq/conclave/internal/migrate"
)

// shown is what a sequence of reports puts out, half a second apart.
func shown(terminal bool, reports ...migrate.Report) string {
	var out bytes.Buffer
	now := time.Unix(1_700_000_000, 0)
	p := &progress{out: &out, terminal: terminal, now: func() time.Time { return now }}
	for _, r := range reports {
		p.report(r)
		now = now.Add(500 * time.Millisecond)
	}
	p.end()
	return out.String()
}

// A terminal has one line that changes.
func TestBar(t *testing.T) {
	got := shown(true,
		migrate.Report{Stage: migrate.Copying, Total: 200},
		migrate.Report{Stage: migrate.Copying, Done: 50, Total: 200, Bytes: 700},
		migrate.Report{Stage: migrate.Copying, Done: 100, Total: 200, Bytes: 3 << 20},
		migrate.Report{Stage: migrate.Copying, Done: 200, Total: 200, Bytes: 3 << 30},
		migrate.Report{Note: "something happened"},
		migrate.Report{Stage: migrate.Following, Revision: 7, Head: 9},
		migrate.Report{Stage: migrate.Following, Revision: 9, Head: 9},
	)
	want := []string{
		"copying [........................] 0%, 0 of 200 keys",
		"copying [######..................] 25%, 50 of 200 keys, 700 B",
		"copying [############............] 50%, 100 of 200 keys, 3.0 MiB",
		"copying [########################] 100%, 200 of 200 keys, 3.0 GiB (2.0 GiB/s)",
		"", "conclave: something happened\n",
		"following: at revision 7, 2 behind; Ctrl-C to cut over",
		"following: at revision 9, up to date; Ctrl-C to cut over",
		"", "",
	}
	var lines []string
	for i, part := range strings.Split(got, "\r") {
		if i > 0 { // before the first there is nothing
			lines = append(lines, strings.TrimRight(part, " "))
		}
	}
	if diff := cmp.Diff(want, lines); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// A line that gets shorter leaves nothing of the longer one.
func TestBarIsWiped(t *testing.T) {
	got := shown(true, migrate.Report{Stage: migrate.Copying, Done: 100, Total: 100}, migrate.Report{Stage: "x", Done: 1})
	parts := strings.Split(got, "\r")
	if len(parts[2]) < len(parts[1]) {
		t.Errorf("%q does not cover %q", parts[2], parts[1])
	}
}

// Elsewhere there are lines, and only of what takes its time.
func TestLines(t *testing.T) {
	var reports []migrate.Report
	for i := range 25 {
		reports = append(reports, migrate.Report{Stage: migrate.Copying, Done: int64(i), Total: 25})
	}
	reports = append(reports,
		migrate.Report{Stage: migrate.Comparing, Done: 1, Total: 2},
		migrate.Report{Stage: migrate.Following, Revision: 7, Head: 7},
	)
	want := "conclave: copying: 40%, 10 of 25 keys\nconclave: copying: 80%, 20 of 25 keys\nconclave: following: at revision 7, up to date; Ctrl-C to cut over\n"
	if got := shown(false, reports...); got != want {
		t.Errorf("%q, want %q", got, want)
	}
}
