package report

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/conclavehq/conclave/benchmarks/workload"
)

// sample is two pairs of a workload with a goal of 5×.
func sample(errors int64) Measured {
	return Measured{"put-256": {
		theirs: {{Rate: 1000, P50: 2, Memory: 30}, {Rate: 1200, P50: 3, Memory: 31}},
		ours:   {{Rate: 6000, P50: 1, Memory: 50}, {Rate: 7000, P50: 1, Memory: 51, Errors: errors, Extra: map[string]float64{"spare_things": 7}}},
	}}
}

func find(t *testing.T, name string) workload.Workload {
	t.Helper()
	for _, w := range workload.All() {
		if w.Name == name {
			return w
		}
	}
	t.Fatalf("no workload %s", name)
	return workload.Workload{}
}

func TestVerdicts(t *testing.T) {
	put := find(t, "put-256")
	for _, c := range []struct {
		measured Measured
		want     string
	}{
		{sample(0), "put, 256 callers|throughput|1,100/s|6,500/s|5.91× (5.83–6.00)|≥ 5×|met"},
		{sample(1), "put, 256 callers|throughput|1,100/s|6,500/s|5.91× (5.83–6.00)|≥ 5×|invalid: errors"},
		{Measured{"put-256": {ours: {{Rate: 9}}}}, "put, 256 callers|throughput|–|9.00/s|–|≥ 5×|not measured"},
		{Measured{"put-256": {ours: {{Rate: 3}}, theirs: {{Rate: 1}}}}, "put, 256 callers|throughput|1.00/s|3.00/s|3.00× (3.00–3.00)|≥ 5×|missed"},
	} {
		rows := verdicts([]workload.Workload{put}, c.measured).rows
		if len(rows) != 1 || strings.Join(rows[0], "|") != c.want {
			t.Errorf("got %q\nwant %s", rows, c.want)
		}
	}
}

func TestBookReplacesWhatIsMeasuredAgain(t *testing.T) {
	dir := t.TempDir()
	for _, run := range []Run{{Date: "one", Command: "a"}, {Date: "two", Command: "b"}} {
		book, err := Open(dir)
		if err != nil {
			t.Fatal(err)
		}
		book.Add(run, sample(0))
		if run.Date == "one" {
			book.Add(run, Measured{"idle": {ours: {{}}}})
		}
		if err := book.Write(dir); err != nil {
			t.Fatal(err)
		}
	}
	book, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	if len(book.Runs) != 2 || book.Runs[book.Entries["put-256"].Run].Date != "two" || book.Runs[book.Entries["idle"].Run].Date != "one" {
		t.Errorf("got runs %+v", book.Runs)
	}
	page, err := os.ReadFile(filepath.Join(dir, "RESULTS.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"5.91×", "spare things", "two: `b`", "not measured"} {
		if !strings.Contains(string(page), want) {
			t.Errorf("RESULTS.md has no %q", want)
		}
	}
	for _, p := range plots {
		if _, err := os.Stat(filepath.Join(dir, "plots", p.file)); err != nil {
			t.Error(err)
		}
	}
}

func TestText(t *testing.T) {
	var out bytes.Buffer
	if err := Text(&out, []workload.Workload{find(t, "put-256")}, sample(0)); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(out.String(), "met") || !strings.Contains(out.String(), "6,500") {
		t.Errorf("got %s", out.String())
	}
}

func TestNumbers(t *testing.T) {
	for v, want := range map[float64]string{0: "0.00", 0.0123: "0.012", 0.5: "0.50", 12.34: "12.3", 123.4: "123", 1234: "1,234", 1234567: "1,234,567"} {
		if got := number(v); got != want {
			t.Errorf("%g: got %s, want %s", v, got, want)
		}
	}
}
