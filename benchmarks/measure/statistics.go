package measure

import (
	"math"
	"slices"
)

// Median is the middle of the values, or the mean of the two in the middle; NaN
// of none.
func Median(values []float64) float64 {
	if len(values) == 0 {
		return math.NaN()
	}
	sorted := slices.Sorted(slices.Values(values))
	middle := len(sorted) / 2
	if len(sorted)%2 == 1 {
		return sorted[middle]
	}
	return (sorted[middle-1] + sorted[middle]) / 2
}

// Ratio compares two systems that were measured in pairs.
type Ratio struct {
	// Value is the ratio of the medians. Low and High are the smallest and the
	// largest ratio within one pair.
	Value, Low, High float64
}

// Compare gives ours over theirs; the values at the same place are of one pair.
// A ratio that has no meaning (nothing to compare, a zero below) is NaN.
func Compare(ours, theirs []float64) Ratio {
	r := Ratio{Value: quotient(Median(ours), Median(theirs)), Low: math.NaN(), High: math.NaN()}
	for i := range min(len(ours), len(theirs)) {
		q := quotient(ours[i], theirs[i])
		if math.IsNaN(q) {
			continue
		}
		if math.IsNaN(r.Low) {
			r.Low, r.High = q, q
		}
		r.Low, r.High = min(r.Low, q), max(r.High, q)
	}
	return r
}

func quotient(a, b float64) float64 {
	if b == 0 {
		return math.NaN()
	}
	return a / b
}

// Pick takes one figure out of many results.
func Pick(results []Result, figure func(Result) float64) []float64 {
	values := make([]float64, len(results))
	for i, r := range results {
		values[i] = figure(r)
	}
	return values
}
