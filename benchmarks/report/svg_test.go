package report

import (
	"encoding/xml"
	"errors"
	"io"
	"strings"
	"testing"
)

// elements parses an SVG and counts its elements.
func elements(t *testing.T, svg string) map[string]int {
	t.Helper()
	count := make(map[string]int)
	for d := xml.NewDecoder(strings.NewReader(svg)); ; {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return count
		}
		if err != nil {
			t.Fatalf("not XML: %v\n%s", err, svg)
		}
		if start, ok := token.(xml.StartElement); ok {
			count[start.Name.Local]++
		}
	}
}

func TestChart(t *testing.T) {
	svg := Chart{Title: "a < b & c", X: "callers", Y: "puts/s", Lines: []Line2D{
		{Name: "one", Color: "#000000", Points: []Point{{1, 900}, {256, 60_000}}},
		{Name: "one", Color: "#000000", Dashed: true, Points: []Point{{1, 5}, {256, 50}}},
		{Name: "none", Color: "#000000"},
	}}.SVG()
	got := elements(t, svg)
	if got["polyline"] != 2 || got["circle"] != 4 {
		t.Errorf("got %v, want 2 lines of 2 points", got)
	}
	if strings.Contains(svg, "NaN") || strings.Contains(svg, "Inf") {
		t.Errorf("a place that is no number:\n%s", svg)
	}
}

func TestChartOfNothing(t *testing.T) {
	for _, c := range []Chart{{}, {Lines: []Line2D{{Points: []Point{{0, 0}}}}}, {Lines: []Line2D{{Points: []Point{{5, 5}}}}}} {
		svg := c.SVG()
		elements(t, svg)
		if strings.Contains(svg, "NaN") || strings.Contains(svg, "Inf") {
			t.Errorf("a place that is no number:\n%s", svg)
		}
	}
}

func TestBars(t *testing.T) {
	svg := Bars{Title: "ratios", Rows: []Bar{
		{Name: "better", Value: 5, Low: 4, High: 6, Goal: 3, Met: true},
		{Name: "worse", Value: 0.5, Low: 0.4, High: 0.6, Goal: 1},
	}}.SVG()
	if got := elements(t, svg); got["rect"] != 3 {
		t.Errorf("got %v, want the background and 2 bars", got)
	}
}

func TestAxisKeepsOrderAndBounds(t *testing.T) {
	a := newAxis([]float64{0.3, 7, 112_000}, 10, 500)
	last := 9.0
	for _, v := range []float64{0.3, 1, 7, 1000, 112_000} {
		at := a.at(v)
		if at <= last || at > 500 {
			t.Errorf("%g is at %g, after %g", v, at, last)
		}
		last = at
	}
}

func TestTicks(t *testing.T) {
	for _, c := range []struct {
		low, high float64
		want      string
	}{{1, 1000, "1 2 5 10 20 50 100 200 500 1k"}, {3, 4, "2 5"}, {0.3, 0.7, "0.2 0.5 1"}} {
		var got []string
		for _, mark := range ticks(c.low, c.high) {
			got = append(got, tickLabel(mark))
		}
		if strings.Join(got, " ") != c.want {
			t.Errorf("from %g to %g: got %v, want %s", c.low, c.high, got, c.want)
		}
	}
}
