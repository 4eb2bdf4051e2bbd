package report

import (
	"math"

	"github.com/conclavehq/conclave/benchmarks/measure"
	"github.com/conclavehq/conclave/benchmarks/system"
	"github.com/conclavehq/conclave/benchmarks/workload"
)

var (
	ours   = system.Conclave{}.Name()
	theirs = system.Etcd{}.Name()
)

// verdict is one goal of one workload against what was measured.
type verdict struct {
	workload workload.Workload
	goal     workload.Goal
	// theirs and ours are medians; NaN where there is none.
	theirs, ours float64
	ratio        measure.Ratio
	errors       int64
}

// judge compares the results with the goals.
func judge(w workload.Workload, results map[string][]measure.Result) []verdict {
	var all []verdict
	for _, goal := range w.Goals {
		our := measure.Pick(results[ours], goal.Figure.Of)
		their := measure.Pick(results[theirs], goal.Figure.Of)
		v := verdict{
			workload: w, goal: goal,
			theirs: measure.Median(their), ours: measure.Median(our),
			ratio: measure.Compare(our, their),
		}
		for _, list := range results {
			for _, r := range list {
				v.errors += r.Errors
			}
		}
		all = append(all, v)
	}
	return all
}

// value is what the bound is for.
func (v verdict) value() float64 {
	if v.goal.Ratio {
		return v.ratio.Value
	}
	return v.ours
}

// word is the verdict. A goal is met only by a run without errors.
func (v verdict) word() string {
	switch {
	case v.errors > 0:
		return "invalid: errors"
	case math.IsNaN(v.value()):
		return "not measured"
	case v.goal.Met(v.value()):
		return "met"
	}
	return "missed"
}
