package measure

import (
	"math"
	"testing"
)

func TestMedian(t *testing.T) {
	for _, c := range []struct {
		values []float64
		want   float64
	}{
		{[]float64{3}, 3},
		{[]float64{9, 1, 5}, 5},
		{[]float64{4, 1, 3, 2}, 2.5},
	} {
		before := append([]float64(nil), c.values...)
		if got := Median(c.values); got != c.want {
			t.Errorf("median of %v is %g, want %g", c.values, got, c.want)
		}
		for i := range before {
			if before[i] != c.values[i] {
				t.Errorf("the values were moved: %v", c.values)
			}
		}
	}
	if got := Median(nil); !math.IsNaN(got) {
		t.Errorf("median of nothing is %g", got)
	}
}

func TestCompareTakesMediansAndTheSpreadOfPairs(t *testing.T) {
	got := Compare([]float64{10, 30, 20}, []float64{10, 10, 5})
	if want := (Ratio{Value: 2, Low: 1, High: 4}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

func TestCompareHasNoRatioWithoutBoth(t *testing.T) {
	for _, r := range []Ratio{Compare([]float64{1}, nil), Compare(nil, []float64{1}), Compare([]float64{1}, []float64{0})} {
		if !math.IsNaN(r.Value) || !math.IsNaN(r.Low) || !math.IsNaN(r.High) {
			t.Errorf("got %+v, want no ratio", r)
		}
	}
}
