package report

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/conclavehq/conclave/benchmarks/measure"
)

// number writes three significant digits, and thousands with commas.
func number(v float64) string {
	switch magnitude := math.Abs(v); {
	case math.IsNaN(v):
		return "–"
	case magnitude >= 1000:
		return grouped(strconv.FormatFloat(v, 'f', 0, 64))
	case magnitude >= 100:
		return strconv.FormatFloat(v, 'f', 0, 64)
	case magnitude >= 10:
		return strconv.FormatFloat(v, 'f', 1, 64)
	case magnitude >= 0.1 || v == 0:
		return strconv.FormatFloat(v, 'f', 2, 64)
	}
	return strconv.FormatFloat(v, 'g', 2, 64)
}

// present writes a figure of which 0 means that there is none.
func present(v float64) string {
	if v == 0 {
		return "–"
	}
	return number(v)
}

func grouped(digits string) string {
	if n := len(strings.TrimPrefix(digits, "-")); n <= 3 {
		return digits
	}
	return grouped(digits[:len(digits)-3]) + "," + digits[len(digits)-3:]
}

// ratio writes a ratio with its spread, e.g. "4.70× (4.41–5.02)".
func ratio(r measure.Ratio) string {
	if math.IsNaN(r.Value) {
		return "–"
	}
	return fmt.Sprintf("%s× (%s–%s)", number(r.Value), number(r.Low), number(r.High))
}

// Line is one result in one line.
func Line(r measure.Result) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%9s/s  p50 %s p99 %s p99.9 %s ms  cpu %s s/10k (client %s)  peak %s MiB",
		present(r.Rate), present(r.P50), present(r.P99), present(r.P999), present(r.CPU), present(r.ClientCPU), present(r.Memory))
	for _, name := range names(r.Extra) {
		fmt.Fprintf(&b, "  %s %s", name, number(r.Extra[name]))
	}
	if r.Errors > 0 {
		fmt.Fprintf(&b, "  ERRORS %d: %s", r.Errors, r.FirstError)
	}
	return b.String()
}
