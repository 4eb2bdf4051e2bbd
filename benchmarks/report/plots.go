package report

import (
	"math"
	"slices"
	"strconv"

	"github.com/conclavehq/conclave/benchmarks/measure"
	"github.com/conclavehq/conclave/benchmarks/workload"
)

// plots are what is drawn against the number of callers.
var plots = []struct {
	file, title, series, unit string
	figures                   []workload.Figure
}{
	{"put-throughput.svg", "Durable puts per second", "put", "puts/s", []workload.Figure{workload.Rate}},
	{"put-latency.svg", "Latency of a durable put (dashed: p99)", "put", "ms", []workload.Figure{workload.P50, workload.P99}},
	{"put-3-nodes-throughput.svg", "Durable puts per second, three nodes", "put, 3 nodes", "puts/s", []workload.Figure{workload.Rate}},
	{"put-3-nodes-latency.svg", "Latency of a durable put, three nodes (dashed: p99)", "put, 3 nodes", "ms", []workload.Figure{workload.P50, workload.P99}},
	{"get-throughput.svg", "Linearizable gets per second", "get", "gets/s", []workload.Figure{workload.Rate}},
}

const ratiosFile = "ratios.svg"

var colors = map[string]string{ours: "#0b6e4f", theirs: "#c8553d"}

// plots draws all of them, by file name.
func (b *Book) plots(workloads []workload.Workload) map[string]string {
	measured := b.measured()
	drawn := make(map[string]string)
	for _, p := range plots {
		chart := Chart{Title: p.title, X: "callers", Y: p.unit}
		for i, figure := range p.figures {
			for _, name := range []string{ours, theirs} {
				line := Line2D{Name: name, Color: colors[name], Dashed: i > 0}
				for _, w := range workloads {
					if results := measured[w.Name][name]; w.Series == p.series && len(results) > 0 {
						y := measure.Median(measure.Pick(results, figure.Of))
						line.Points = append(line.Points, Point{float64(w.Callers), y})
					}
				}
				chart.Lines = append(chart.Lines, line)
			}
		}
		drawn[p.file] = chart.SVG()
	}
	drawn[ratiosFile] = ratios(workloads, measured).SVG()
	return drawn
}

// ratios puts all goals that are ratios below each other. A ratio that should be
// small is turned around, so that better is always to the right.
func ratios(workloads []workload.Workload, measured Measured) Bars {
	bars := Bars{Title: "Conclave against etcd (times better; the mark is the goal)"}
	for _, w := range workloads {
		for _, v := range judge(w, measured[w.Name]) {
			r, goal := v.ratio, v.goal.Bound
			if !v.goal.Ratio || math.IsNaN(r.Value) || r.Value <= 0 {
				continue
			}
			if v.goal.AtMost {
				r = measure.Ratio{Value: 1 / r.Value, Low: 1 / r.High, High: 1 / r.Low}
				goal = 1 / goal
			}
			bars.Rows = append(bars.Rows, Bar{
				Name: w.Name + " " + v.goal.Figure.Name, Value: r.Value, Low: r.Low, High: r.High, Goal: goal, Met: v.word() == "met",
			})
		}
	}
	return bars
}

// ticks are the marks of a logarithmic axis from at most low to at least high:
// 1, 2, 5, 10, …
func ticks(low, high float64) []float64 {
	if !(low > 0) || !(high >= low) {
		return []float64{1, 10}
	}
	var marks []float64
	for exponent := math.Floor(math.Log10(low)); ; exponent++ {
		for _, digit := range []float64{1, 2, 5} {
			mark := digit * math.Pow(10, exponent)
			marks = append(marks, mark)
			if mark >= high {
				return afterLast(marks, low)
			}
		}
	}
}

// afterLast leaves out the marks before the last one that is not above low.
func afterLast(marks []float64, low float64) []float64 {
	first := 0
	for i, mark := range marks {
		if mark <= low {
			first = i
		}
	}
	return slices.Clone(marks[first:])
}

func tickLabel(v float64) string {
	switch {
	case v >= 1e6:
		return strconv.FormatFloat(v/1e6, 'g', 3, 64) + "M"
	case v >= 1e3:
		return strconv.FormatFloat(v/1e3, 'g', 3, 64) + "k"
	}
	return strconv.FormatFloat(v, 'g', 3, 64)
}
