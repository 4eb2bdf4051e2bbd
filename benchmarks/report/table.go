package report

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/conclavehq/conclave/benchmarks/measure"
	"github.com/conclavehq/conclave/benchmarks/workload"
)

// table is a head and rows of cells.
type table struct {
	head []string
	rows [][]string
}

// Text writes what was measured for a terminal.
func Text(out io.Writer, workloads []workload.Workload, measured Measured) error {
	for _, t := range []table{details(workloads, measured), verdicts(workloads, measured)} {
		aligned := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
		for _, row := range append([][]string{t.head}, t.rows...) {
			fmt.Fprintln(aligned, strings.Join(row, "\t"))
		}
		if err := aligned.Flush(); err != nil {
			return err
		}
		fmt.Fprintln(out)
	}
	return nil
}

// verdicts has a row per goal.
func verdicts(workloads []workload.Workload, measured Measured) table {
	t := table{head: []string{"workload", "figure", "etcd", "Conclave", "ratio (spread)", "goal", "verdict"}}
	for _, w := range workloads {
		for _, v := range judge(w, measured[w.Name]) {
			unit := v.goal.Figure.Unit
			t.rows = append(t.rows, []string{
				w.Title, v.goal.Figure.Name, with(v.theirs, unit), with(v.ours, unit), ratio(v.ratio), v.goal.String(), v.word(),
			})
		}
	}
	return t
}

func with(v float64, unit string) string {
	switch text := number(v); {
	case text == "–" || unit == "":
		return text
	case strings.HasPrefix(unit, "/"):
		return text + unit
	case strings.HasPrefix(unit, "× "):
		return text + "×"
	default:
		return text + " " + unit
	}
}

// details has a row per workload and system: the medians of all figures.
func details(workloads []workload.Workload, measured Measured) table {
	t := table{head: []string{"workload", "system", "ops/s", "p50 ms", "p99 ms", "p99.9 ms", "server CPU s/10k", "client CPU s/10k", "peak MiB", "errors"}}
	for _, w := range workloads {
		for _, name := range []string{theirs, ours} {
			results := measured[w.Name][name]
			if len(results) == 0 {
				continue
			}
			median := func(figure func(measure.Result) float64) string {
				return present(measure.Median(measure.Pick(results, figure)))
			}
			var errors int64
			for _, r := range results {
				errors += r.Errors
			}
			t.rows = append(t.rows, []string{
				w.Title, name, median(workload.Rate.Of), median(workload.P50.Of), median(workload.P99.Of),
				median(func(r measure.Result) float64 { return r.P999 }),
				median(func(r measure.Result) float64 { return r.CPU }),
				median(func(r measure.Result) float64 { return r.ClientCPU }),
				median(func(r measure.Result) float64 { return r.Memory }),
				fmt.Sprint(errors),
			})
		}
	}
	return t
}

// extras has a row per figure that only one workload has.
func extras(workloads []workload.Workload, measured Measured) table {
	t := table{head: []string{"workload", "figure", "etcd", "Conclave"}}
	for _, w := range workloads {
		results := measured[w.Name]
		known := make(map[string]float64)
		for _, list := range results {
			for _, r := range list {
				maps.Copy(known, r.Extra)
			}
		}
		for _, name := range names(known) {
			median := func(system string) string {
				var values []float64
				for _, r := range results[system] {
					if v, ok := r.Extra[name]; ok {
						values = append(values, v)
					}
				}
				return number(measure.Median(values))
			}
			t.rows = append(t.rows, []string{w.Title, strings.ReplaceAll(name, "_", " "), median(theirs), median(ours)})
		}
	}
	return t
}

func names[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
