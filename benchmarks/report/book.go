// Package report keeps what was measured and shows it: as text, as RESULTS.md and
// as plots.
package report

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/conclavehq/conclave/benchmarks/measure"
	"github.com/conclavehq/conclave/benchmarks/workload"
)

// Measured is what one run came to: by workload and system, one result per pair.
type Measured map[string]map[string][]measure.Result

// Book is everything that was measured, as results.json keeps it.
type Book struct {
	// Runs are the runs that something below is of.
	Runs []Run `json:"runs"`
	// Entries are by workload.
	Entries map[string]Entry `json:"entries"`
}

// Entry is the last result of one workload.
type Entry struct {
	// Run is its index in Book.Runs.
	Run     int                         `json:"run"`
	Results map[string][]measure.Result `json:"results"`
}

// Run says where and how something was measured.
type Run struct {
	Date     string `json:"date"`
	Command  string `json:"command"`
	Pairs    int    `json:"pairs"`
	Warmup   string `json:"warmup"`
	Duration string `json:"duration"`
	// Machine is one line; Versions are by program.
	Machine  string            `json:"machine"`
	Versions map[string]string `json:"versions"`
}

const bookName = "results.json"

// Open reads the book in a directory. Without a file it is empty.
func Open(dir string) (*Book, error) {
	b := &Book{Entries: make(map[string]Entry)}
	raw, err := os.ReadFile(filepath.Join(dir, bookName))
	if errors.Is(err, fs.ErrNotExist) {
		return b, nil
	}
	if err != nil {
		return nil, err
	}
	return b, json.Unmarshal(raw, b)
}

// Add replaces the entries of the workloads that were measured. Runs of which
// nothing is left are forgotten.
func (b *Book) Add(run Run, measured Measured) {
	b.Runs = append(b.Runs, run)
	for name, results := range measured {
		b.Entries[name] = Entry{Run: len(b.Runs) - 1, Results: results}
	}
	var kept []Run
	moved := make(map[int]int)
	for i, r := range b.Runs {
		for _, e := range b.Entries {
			if e.Run == i {
				moved[i] = len(kept)
				kept = append(kept, r)
				break
			}
		}
	}
	for name, e := range b.Entries {
		e.Run = moved[e.Run]
		b.Entries[name] = e
	}
	b.Runs = kept
}

// measured are the results of all entries.
func (b *Book) measured() Measured {
	all := make(Measured)
	for name, e := range b.Entries {
		all[name] = e.Results
	}
	return all
}

// Write stores the book, RESULTS.md and the plots in a directory.
func (b *Book) Write(dir string) error {
	raw, err := json.MarshalIndent(b, "", " ")
	if err != nil {
		return err
	}
	plots := filepath.Join(dir, "plots")
	if err := os.MkdirAll(plots, 0o755); err != nil {
		return err
	}
	files := map[string]string{
		filepath.Join(dir, bookName):     string(raw) + "\n",
		filepath.Join(dir, "RESULTS.md"): b.markdown(workload.All()),
	}
	for name, svg := range b.plots(workload.All()) {
		files[filepath.Join(plots, name)] = svg
	}
	for name, text := range files {
		if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
			return err
		}
	}
	return nil
}
