package report

import (
	"fmt"
	"strings"

	"github.com/conclavehq/conclave/benchmarks/workload"
)

const introduction = `# Conclave and etcd, measured side by side

This page is written by ` + "`make bench`" + ` from [results.json](results.json); do not edit it.

Both run as real processes with the same settings (heartbeat, election timeout, log
entries per snapshot; every acknowledged write is on disk) on the same disk and the
same machine as the load generator, which uses each system's own Go client with its
default settings; where the name says so, etcd's client calls both. Each run has a new cluster in an empty directory. The systems take
turns run by run, and in going first. Keys have 8 bytes, values 256. Figures are
medians over the pairs; a ratio is Conclave's median over etcd's, and in brackets the
smallest and largest ratio within a pair. One error anywhere makes a result invalid.

`

// markdown is RESULTS.md.
func (b *Book) markdown(workloads []workload.Workload) string {
	var out strings.Builder
	out.WriteString(introduction)
	measured := b.measured()

	section(&out, "Goals", verdicts(workloads, measured))
	out.WriteString("## Plots\n\n")
	for _, p := range plots {
		fmt.Fprintf(&out, "![%s](plots/%s)\n", p.title, p.file)
	}
	out.WriteString("![Ratios](plots/" + ratiosFile + ")\n\n")
	section(&out, "All figures", details(workloads, measured))
	section(&out, "Figures of single workloads", extras(workloads, measured))

	out.WriteString("## What the workloads do\n\n")
	for _, w := range workloads {
		if w.Note != "" {
			fmt.Fprintf(&out, "- **%s** (`%s`): %s\n", w.Title, w.Name, w.Note)
		}
	}
	out.WriteString("\n## Runs\n\n")
	for i, r := range b.Runs {
		fmt.Fprintf(&out, "%d. %s: `%s`; %d pairs, %s warm-up, %s measured. %s.", i+1, r.Date, r.Command, r.Pairs, r.Warmup, r.Duration, r.Machine)
		for _, name := range names(r.Versions) {
			fmt.Fprintf(&out, " %s %s.", name, r.Versions[name])
		}
		fmt.Fprintf(&out, " Measured: %s.\n", strings.Join(b.of(workloads, i), ", "))
	}
	return out.String()
}

// of names the workloads whose results are of a run.
func (b *Book) of(workloads []workload.Workload, run int) []string {
	var of []string
	for _, w := range workloads {
		if e, ok := b.Entries[w.Name]; ok && e.Run == run {
			of = append(of, w.Name)
		}
	}
	return of
}

func section(out *strings.Builder, title string, t table) {
	fmt.Fprintf(out, "## %s\n\n", title)
	row := func(cells []string) { fmt.Fprintf(out, "| %s |\n", strings.Join(cells, " | ")) }
	row(t.head)
	out.WriteString(strings.Repeat("|---", len(t.head)) + "|\n")
	for _, cells := range t.rows {
		row(cells)
	}
	out.WriteString("\n")
}
