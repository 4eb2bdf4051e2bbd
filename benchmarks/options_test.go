package main

import (
	"strings"
	"testing"
	"time"
)

func TestModesHaveTheirDefaults(t *testing.T) {
	for _, c := range []struct {
		args     string
		pairs    int
		duration time.Duration
		count    int
		out      string
	}{
		{"", 5, 5 * time.Second, 0, "."},
		{"-quick", 1, time.Second, 0, ""},
		{"-quick -pairs 3 -out x", 3, time.Second, 0, "x"},
		{"-sessions", 1, 5 * time.Minute, 100_000, "."},
		{"-growth", 1, 5 * time.Second, 10_000_000, "."},
		{"-growth -count 200000", 1, 5 * time.Second, 200_000, ""},
	} {
		o, err := parse(strings.Fields(c.args))
		if err != nil {
			t.Fatal(err)
		}
		if o.pairs != c.pairs || o.duration != c.duration || o.count != c.count || o.out != c.out {
			t.Errorf("%q: got %d pairs of %s, count %d, out %q", c.args, o.pairs, o.duration, o.count, o.out)
		}
	}
}

func TestChosen(t *testing.T) {
	for args, want := range map[string]string{
		"-workloads put-8":                   "put-8",
		"-workloads put-1,get-1,nodes3-put*": "put-1 get-1 nodes3-put-1 nodes3-put-256 nodes3-put-1000",
		"-sessions":                          "sessions",
		"-growth":                            "growth",
		"-workloads nothing":                 "",
		"-workloads sessions":                "",
	} {
		o, err := parse(strings.Fields(args))
		if err != nil {
			t.Fatal(err)
		}
		chosen, err := o.chosen()
		var names []string
		for _, w := range chosen {
			names = append(names, w.Name)
		}
		if got := strings.Join(names, " "); got != want || (err == nil) != (want != "") {
			t.Errorf("%s: got %q, %v; want %q", args, got, err, want)
		}
	}
}

func TestMistakes(t *testing.T) {
	for _, args := range []string{"-pairs 0", "-duration 0s", "-sessions -growth", "put", "-clients 0"} {
		if _, err := parse(strings.Fields(args)); err == nil {
			t.Errorf("%q is taken", args)
		}
	}
}
