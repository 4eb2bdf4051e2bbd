package main

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestFormats(t *testing.T) {
	x := answer{
		data: map[string]any{"name": text("a<b"), "value": text("\xff"), "ttl": span(90 * time.Second)},
		head: []string{"NAME", "VALUE"},
		rows: [][]string{{"ärger", "1"}, {"line\nbreak", ""}},
	}
	for _, c := range []struct{ format, want string }{
		{formatJSON, `{"name":"a<b","ttl":"1m30s","value":{"base64":"/w=="}}` + "\n"},
		{formatSimple, "NAME        VALUE\närger       1\nline·break  -\n"},
		{formatTable, `+------------+-------+
| NAME       | VALUE |
+------------+-------+
| ärger      | 1     |
| line·break |       |
+------------+-------+
`},
	} {
		t.Run(c.format, func(t *testing.T) {
			var out strings.Builder
			a := &app{out: &out, format: c.format}
			if err := a.print(x); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, out.String()); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestEmptyListPrintsNothing(t *testing.T) {
	var out strings.Builder
	a := &app{out: &out, format: formatSimple}
	if err := a.print(answer{head: []string{"NAME"}}); err != nil {
		t.Fatal(err)
	}
	if out.String() != "" {
		t.Errorf("got %q; want nothing, so that scripts can test for it", out.String())
	}
}

func TestShortDurations(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0:                         "0s",
		1500 * time.Millisecond:   "1.5s",
		1234567 * time.Nanosecond: "1ms",
		90 * time.Second:          "1m30s",
		10 * time.Minute:          "10m",
		24 * time.Hour:            "24h",
		-2 * time.Second:          "-2s",
		12345 * time.Millisecond:  "12s",
	} {
		if got := short(d); got != want {
			t.Errorf("short(%v) = %q; want %q", d, got, want)
		}
	}
}
