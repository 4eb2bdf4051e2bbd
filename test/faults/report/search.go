package report

import (
	"fmt"
	"io"
	"os"
	"slices"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/conclavehq/conclave/test/faults/spec"
)

// Search is how long it took to find a planted bug.
type Search struct {
	Tag     string `yaml:"tag"`
	Name    string `yaml:"name"`
	Fault   string `yaml:"fault"`
	Control bool   `yaml:"control,omitempty"`
	Commit  string `yaml:"commit"`
	// Took is from the first run's begin to the verdict of the one that found it;
	// 0 = not found. Seed is that run's, Runs how many there were.
	Took time.Duration `yaml:"took"`
	Seed uint64        `yaml:"seed"`
	Runs int           `yaml:"runs"`
	// By is what found it, and Proof the first sentence.
	By    []string `yaml:"by,flow"`
	Proof string   `yaml:"proof"`
}

// Found takes over what a run found.
func (s *Search) Found(r *Result) {
	for _, c := range r.Cells {
		if c.Violations == 0 {
			continue
		}
		s.By = append(s.By, c.Workload)
		if s.Proof == "" && len(c.Proof) > 0 {
			s.Proof = c.Proof[0]
		}
	}
	if len(r.Failures) > 0 && s.Proof == "" {
		s.By, s.Proof = append(s.By, "the run itself"), r.Failures[0]
	}
}

// String tells it in a line.
func (s *Search) String() string {
	if s.Took == 0 {
		return fmt.Sprintf("NOT FOUND  %s  %s, in %d runs of %s", s.Tag, s.Name, s.Runs, s.Fault)
	}
	return fmt.Sprintf("found      %s  %s: after %v under %s (seed %d) in %v: %s", s.Tag, s.Name, s.Took, s.Fault, s.Seed, s.By, s.Proof)
}

// Write writes it to a file.
func (s *Search) Write(path string) error { return spec.Write(path, s) }

// ReadSearch reads one.
func ReadSearch(path string) (*Search, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var s Search
	return &s, yaml.Unmarshal(text, &s)
}

// Searches writes the table of planted bugs.
func Searches(w io.Writer, searches []*Search) error {
	if len(searches) == 0 {
		return nil
	}
	var took []time.Duration
	found, bugs := 0, 0
	rows := ""
	for _, s := range searches {
		verdict := "**not found**"
		if s.Took > 0 {
			verdict = s.Took.String()
		}
		name := s.Name
		if !s.Control {
			bugs++
			if s.Took > 0 {
				found++
				took = append(took, s.Took)
			}
		}
		rows += fmt.Sprintf("| %s | %s | %s | %s | %d | %v | %.160s |\n", s.Tag, name, s.Fault, verdict, s.Seed, s.By, s.Proof)
	}
	slices.Sort(took)
	median := time.Duration(0)
	if len(took) > 0 {
		median = took[len(took)/2]
	}
	_, err := fmt.Fprintf(w, "\n## Planted bugs\n\n`go run ./test/faults planted` builds each of them into the product and looks for it.\n"+
		"%d of %d were found, the median after %v.\n\n| tag | bug | fault | found after | seed | workloads | first proof |\n|---|---|---|---|---:|---|---|\n%s",
		found, bugs, median, rows)
	return err
}
