// Command fuzz runs every fuzz target of this module one after another, and prints
// for each how many inputs it tried, how many of them were new, and what came of it:
//
//	go run ./test/fuzz -time 10m
//	go run ./test/fuzz -time 20s -run 'rpc.*Request'
//
// Inputs that a target was broken by are left in its testdata/fuzz, where `go test`
// tries them for ever after; commit them with the mend. Those that only reached new
// code are in Go's cache; with -keep N at most N of the shortest are copied
// beside them.
package main

import (
	"bytes"
	"cmp"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

var declared = regexp.MustCompile(`(?m)^func (Fuzz\w+)\(`)

// progress is a line of the go command about a run.
var progress = regexp.MustCompile(`fuzz: elapsed: \S+, execs: (\d+) \(\S+\), new interesting: (\d+) \(total: (\d+)\)`)

// target is a fuzz target and what came of its run.
type target struct {
	dir, name              string
	executions, new, total string
	took                   time.Duration
	failed                 bool
}

func main() {
	each := flag.Duration("time", 10*time.Minute, "how long each target runs")
	only := flag.String("run", "", "only targets whose folder and name, such as rpc/etcd/FuzzKV, match this")
	keep := flag.Int("keep", 0, "how many new inputs of a target are copied to its testdata/fuzz")
	flag.Parse()
	if err := run(*each, *only, *keep); err != nil {
		fmt.Fprintln(os.Stderr, "fuzz:", err)
		os.Exit(1)
	}
}

func run(each time.Duration, only string, keep int) error {
	wanted, err := regexp.Compile(only)
	if err != nil {
		return err
	}
	all, err := targets(".")
	if err != nil {
		return err
	}
	all = slices.DeleteFunc(all, func(t *target) bool { return !wanted.MatchString(t.dir + "/" + t.name) })
	broken := 0
	for i, t := range all {
		fmt.Fprintf(os.Stderr, "%d of %d: %s/%s\n", i+1, len(all), t.dir, t.name)
		if err := t.run(each); err != nil {
			return err
		}
		if t.failed {
			broken++
		} else if err := t.keep(keep); err != nil {
			return err
		}
	}
	table(all)
	if broken > 0 {
		return fmt.Errorf("%d of %d targets were broken; their inputs are in testdata/fuzz", broken, len(all))
	}
	return nil
}

// targets are all that the tests below a folder declare.
func targets(root string) (all []*target, err error) {
	err = filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir():
			if path != root && (strings.HasPrefix(entry.Name(), ".") || entry.Name() == "node_modules" || has(filepath.Join(path, "go.mod"))) {
				return fs.SkipDir
			}
			return nil
		case !strings.HasSuffix(path, "_test.go"):
			return nil
		}
		text, err := os.ReadFile(path)
		for _, m := range declared.FindAllSubmatch(text, -1) {
			all = append(all, &target{dir: filepath.ToSlash(filepath.Dir(path)), name: string(m[1])})
		}
		return err
	})
	slices.SortFunc(all, func(a, b *target) int { return cmp.Or(cmp.Compare(a.dir, b.dir), cmp.Compare(a.name, b.name)) })
	return all, err
}

func has(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// run fuzzes. That the target is broken is no error.
func (t *target) run(each time.Duration) error {
	began := time.Now()
	out, err := exec.Command("go", "test", "./"+t.dir, "-run=^$", "-fuzz=^"+t.name+"$", "-fuzztime="+each.String(), "-parallel=2").CombinedOutput()
	t.took = time.Since(began)
	for _, m := range progress.FindAllSubmatch(out, -1) {
		t.executions, t.new, t.total = string(m[1]), string(m[2]), string(m[3])
	}
	if err == nil {
		return nil
	}
	if !bytes.Contains(out, []byte("--- FAIL")) {
		return fmt.Errorf("%s/%s did not run: %w\n%s", t.dir, t.name, err, out)
	}
	t.failed = true
	_, err = os.Stderr.Write(out)
	return err
}

// keep copies the shortest inputs from Go's cache.
func (t *target) keep(most int) error {
	if most <= 0 {
		return nil
	}
	cache, err := exec.Command("go", "env", "GOCACHE").Output()
	if err != nil {
		return err
	}
	module, err := exec.Command("go", "list", "-m").Output()
	if err != nil {
		return err
	}
	from := filepath.Join(strings.TrimSpace(string(cache)), "fuzz", filepath.FromSlash(strings.TrimSpace(string(module))), filepath.FromSlash(t.dir), t.name)
	entries, err := os.ReadDir(from)
	if os.IsNotExist(err) {
		return nil
	}
	if err != nil {
		return err
	}
	slices.SortFunc(entries, func(a, b fs.DirEntry) int {
		return cmp.Or(cmp.Compare(size(a), size(b)), cmp.Compare(a.Name(), b.Name()))
	})
	into := filepath.Join(filepath.FromSlash(t.dir), "testdata", "fuzz", t.name)
	if err := os.MkdirAll(into, 0o755); err != nil {
		return err
	}
	for _, entry := range entries[:min(most, len(entries))] {
		text, err := os.ReadFile(filepath.Join(from, entry.Name()))
		if err == nil {
			err = os.WriteFile(filepath.Join(into, entry.Name()), text, 0o644)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func size(entry fs.DirEntry) int64 {
	info, err := entry.Info()
	if err != nil {
		return 1 << 62
	}
	return info.Size()
}

// table prints what came of it, as Markdown.
func table(all []*target) {
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 1, ' ', 0)
	_, _ = fmt.Fprintln(w, "| target\t| executions\t| new inputs\t| corpus\t| time\t| result\t|")
	_, _ = fmt.Fprintln(w, "|---\t|---\t|---\t|---\t|---\t|---\t|")
	for _, t := range all {
		result := "ok"
		if t.failed {
			result = "BROKEN"
		}
		_, _ = fmt.Fprintf(w, "| %s/%s\t| %s\t| %s\t| %s\t| %s\t| %s\t|\n", t.dir, t.name, t.executions, t.new, t.total, t.took.Round(time.Second), result)
	}
	_ = w.Flush()
}
