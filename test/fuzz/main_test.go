package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// Wrong flags are told under the name of the program, not of the file that `go run` made.
func TestParse(t *testing.T) {
	for line, says := range map[string]string{
		"-jbos 4":     "Usage of fuzz:",
		"-time never": `invalid value "never" for flag -time`,
		"-jobs 0":     "fuzz: it takes flags only",
		"rpc":         "fuzz: it takes flags only",
		"-h":          "Usage of fuzz:",
	} {
		var told strings.Builder
		if _, err := parse(strings.Fields(line), &told); err == nil || !strings.Contains(told.String(), says) {
			t.Errorf("%s: %v, told %q", line, err, told.String())
		}
	}
	opt, err := parse([]string{"-time", "20s", "-run", "^rpc/(etcd|v1)/", "-jobs", "2"}, io.Discard)
	if err != nil || opt.only != "^rpc/(etcd|v1)/" || opt.jobs != 2 || opt.each != 20*time.Second {
		t.Errorf("%+v: %v", opt, err)
	}
}

func TestMatching(t *testing.T) {
	all := func() []*target { return []*target{{dir: "rpc", name: "FuzzA"}, {dir: "rpc/etcd", name: "FuzzB"}} }
	if got, err := matching(all(), "^rpc/Fuzz"); err != nil || len(got) != 1 || got[0].name != "FuzzA" {
		t.Errorf("those of one folder are %v: %v", got, err)
	}
	if got, err := matching(all(), "typo"); err == nil {
		t.Errorf("nothing is asked for, and %v is there", got)
	}
	if _, err := matching(nil, ""); err == nil {
		t.Error("no target at all is a success")
	}
}

// The go command ends well when nothing matches, too; then there are no figures.
func TestJudge(t *testing.T) {
	const figures = "fuzz: elapsed: 0s, gathering baseline coverage: 0/9 completed\n" +
		"fuzz: elapsed: 3s, execs: 700 (233/sec), new interesting: 1 (total: 10)\n" +
		"fuzz: elapsed: 5s, execs: %s (300/sec), new interesting: 2 (total: 11)\nPASS\n"
	failed := errors.New("exit status 1")
	for _, c := range []struct {
		what, out  string
		err        error
		ok, broken bool
	}{
		{"it ran", fmt.Sprintf(figures, "1500"), nil, true, false},
		{"no figures", "testing: warning: no fuzz tests to fuzz\nPASS\nok  \tx\t0.1s\n", nil, false, false},
		{"no executions", fmt.Sprintf(figures, "0"), nil, false, false},
		{"broken", fmt.Sprintf(figures, "9") + "--- FAIL: FuzzA (1.00s)\n", failed, true, true},
		{"its time was over", fmt.Sprintf(figures, "9") + "--- FAIL: FuzzA (5.01s)\n    context deadline exceeded\nFAIL\nexit status 1\n", failed, true, false},
		{"an input takes too long", fmt.Sprintf(figures, "9") + "--- FAIL: FuzzA (5.01s)\n    a_test.go:7: context deadline exceeded\nFAIL\n", failed, true, true},
		{"it does not build", "FAIL\tx [build failed]\n", failed, false, false},
	} {
		at := &target{dir: "x", name: "FuzzA"}
		if err := at.judge([]byte(c.out), c.err); (err == nil) != c.ok || at.failed != c.broken {
			t.Errorf("%s: broken %v, %v", c.what, at.failed, err)
		}
		if c.what == "it ran" && (at.executions != "1500" || at.new != "2" || at.total != "11") {
			t.Errorf("the figures are %+v", at)
		}
	}
}

// Jobs really run beside each other: each of a pair waits for the other.
func TestAtOnce(t *testing.T) {
	all := []*target{{name: "a"}, {name: "b"}, {name: "c"}, {name: "d"}}
	meet := make(chan struct{})
	wrong := errors.New("c is wrong")
	err := atOnce(2, all, func(at *target) error {
		select {
		case meet <- struct{}{}:
		case <-meet:
		}
		at.kept++
		if at.name == "c" {
			return wrong
		}
		return nil
	})
	if !errors.Is(err, wrong) {
		t.Errorf("the error is %v", err)
	}
	for _, at := range all {
		if at.kept != 1 {
			t.Errorf("%s had %d turns", at.name, at.kept)
		}
	}
	for _, c := range [][3]int{{8, 2, 4}, {2, 1, 2}, {2, 4, 1}} {
		if got := share(c[0], c[1]); got != c[2] {
			t.Errorf("of %d processors each of %d jobs gets %d", c[0], c[1], got)
		}
	}
}

func TestCopyShortest(t *testing.T) {
	from, into := t.TempDir(), filepath.Join(t.TempDir(), "testdata", "fuzz", "FuzzA")
	for name, size := range map[string]int{"long": 40, "short": 10, "other": 20, "most": 90} {
		if err := os.WriteFile(filepath.Join(from, name), []byte(strings.Repeat("x", size)), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for _, want := range [][]string{{"short", "other"}, nil} { // the second time they are there
		copied, err := copyShortest(from, into, 2)
		for i := range copied {
			copied[i] = filepath.Base(copied[i])
		}
		if err != nil || !slices.Equal(copied, want) {
			t.Errorf("%q were copied, want %q: %v", copied, want, err)
		}
	}
	if entries, _ := os.ReadDir(into); len(entries) != 2 {
		t.Errorf("there are %d", len(entries))
	}
	if copied, err := copyShortest(filepath.Join(from, "missing"), into, 2); err != nil || copied != nil {
		t.Errorf("of no cache %q were copied: %v", copied, err)
	}
}
