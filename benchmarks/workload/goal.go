package workload

import (
	"fmt"
	"math"
	"strings"

	"github.com/conclavehq/conclave/benchmarks/measure"
)

// Figure is one number of a result.
type Figure struct {
	Name, Unit string
	Of         func(measure.Result) float64
}

// Figures that every workload can have.
var (
	Rate = Figure{"throughput", "/s", func(r measure.Result) float64 { return r.Rate }}
	P50  = Figure{"p50", "ms", func(r measure.Result) float64 { return r.P50 }}
	P99  = Figure{"p99", "ms", func(r measure.Result) float64 { return r.P99 }}
)

// extra is a figure that only one workload has. It is NaN where it is missing.
func extra(key, name, unit string) Figure {
	return Figure{name, unit, func(r measure.Result) float64 {
		if v, ok := r.Extra[key]; ok {
			return v
		}
		return math.NaN()
	}}
}

// Goal is a bound for a figure: for Conclave's alone, or for the ratio of
// Conclave's to etcd's.
type Goal struct {
	Figure Figure
	// Ratio says that the bound is for the ratio.
	Ratio bool
	// AtMost says that less is better.
	AtMost bool
	Bound  float64
}

func ratioOf(f Figure, atLeast float64) Goal { return Goal{Figure: f, Ratio: true, Bound: atLeast} }
func ratioUpTo(f Figure, atMost float64) Goal {
	return Goal{Figure: f, Ratio: true, AtMost: true, Bound: atMost}
}
func atLeast(f Figure, bound float64) Goal { return Goal{Figure: f, Bound: bound} }
func atMost(f Figure, bound float64) Goal  { return Goal{Figure: f, AtMost: true, Bound: bound} }

// Met tells whether a value keeps the bound. NaN never does.
func (g Goal) Met(v float64) bool {
	if g.AtMost {
		return v <= g.Bound
	}
	return v >= g.Bound
}

// String is the goal as a table shows it, e.g. "≥ 5×".
func (g Goal) String() string {
	sign, unit := "≥", g.Figure.Unit
	if g.AtMost {
		sign = "≤"
	}
	switch {
	case g.Ratio:
		unit = "×"
	case unit != "" && !strings.HasPrefix(unit, "×"):
		unit = " " + unit
	}
	return fmt.Sprintf("%s %g%s", sign, g.Bound, unit)
}
