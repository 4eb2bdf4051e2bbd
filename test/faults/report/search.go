package report

import (
	"cmp"
	"fmt"
	"io"
	"os"
	"regexp"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/conclavehq/conclave/internal/planted"
	"github.com/conclavehq/conclave/test/faults/history"
	"github.com/conclavehq/conclave/test/faults/spec"
)

// Search is how long it took to find a planted bug.
type Search struct {
	Tag     string `yaml:"tag"`
	Name    string `yaml:"name"`
	Fault   string `yaml:"fault"`
	Control bool   `yaml:"control,omitempty"`
	Commit  string `yaml:"commit"`
	// Expected names the workloads that should find it; "" = not said.
	Expected string `yaml:"expected,omitempty"`
	// Took is from the first run's begin to the verdict of the one that found it;
	// 0 = not found. Seed is that run's, Runs how many there were, and Broken how many
	// of them the harness could not do, which found nothing.
	Took   time.Duration `yaml:"took"`
	Seed   uint64        `yaml:"seed"`
	Runs   int           `yaml:"runs"`
	Broken int           `yaml:"broken,omitempty"`
	// By are the workloads that found it, and Proof is the first sentence.
	By    []string `yaml:"by,flow"`
	Proof string   `yaml:"proof"`
}

// Found takes over what a run found; the paths in it are those in the run's directory.
func (s *Search) Found(r *Result, dir string) {
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
	s.Proof = strings.ReplaceAll(s.Proof, dir+"/", "")
}

var word = regexp.MustCompile(`\w+`)

// expected are the workloads that a sentence names, "harness" included; "all" says
// that any will do, as does a sentence that names none.
func expected(sentence string) (names map[string]bool, any bool) {
	names = map[string]bool{}
	for _, name := range word.FindAllString(strings.ToLower(sentence), -1) {
		_, known := history.WorkloadNamed(name)
		if known || name == history.Harness.String() {
			names[name] = true
		}
		any = any || name == "all"
	}
	return names, any || len(names) == 0
}

// Elsewhere tells whether none of the workloads that should find it did, so that it
// may have been something else that was found.
func (s *Search) Elsewhere() bool {
	names, any := expected(s.Expected)
	return s.Took > 0 && !any && !slices.ContainsFunc(s.By, func(name string) bool { return names[name] })
}

// where tells who found it, and who should have if that was another one.
func (s *Search) where() string {
	text := strings.Join(s.By, ", ")
	if s.Elsewhere() {
		text += " (**elsewhere**; expected: " + s.Expected + ")"
	}
	return text
}

// String tells it in a line.
func (s *Search) String() string {
	if s.Took == 0 {
		return fmt.Sprintf("NOT FOUND  %s  %s, in %d runs of %s, of which %d were broken", s.Tag, s.Name, s.Runs, s.Fault, s.Broken)
	}
	return fmt.Sprintf("found      %s  %s: after %v under %s (seed %d) in %s: %s", s.Tag, s.Name, s.Took, s.Fault, s.Seed, s.where(), s.Proof)
}

// Write writes it to a file.
func (s *Search) Write(path string) error { return spec.Write(path, s) }

// ReadSearch reads one. Where it does not say what was expected, the plant does.
func ReadSearch(path string) (*Search, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var s Search
	err = yaml.Unmarshal(text, &s)
	for _, plant := range planted.All {
		if plant.Tag == s.Tag {
			s.Expected = cmp.Or(s.Expected, plant.Workloads)
		}
	}
	return &s, err
}

// Searches writes the table of planted bugs.
func Searches(w io.Writer, searches []*Search) error {
	if len(searches) == 0 {
		return nil
	}
	var took []time.Duration
	found, elsewhere, bugs := 0, 0, 0
	rows := ""
	for _, s := range searches {
		verdict := "**not found**"
		switch {
		case s.Took > 0:
			verdict = s.Took.String()
		case s.Broken > 0:
			verdict += fmt.Sprintf("; %d of %d runs were broken", s.Broken, s.Runs)
		}
		if !s.Control {
			bugs++
			if s.Took > 0 {
				found++
				if s.Elsewhere() {
					elsewhere++
				}
				took = append(took, s.Took)
			}
		}
		rows += fmt.Sprintf("| %s | %s | %s | %s | %d | %s | %.160s |\n", s.Tag, s.Name, s.Fault, verdict, s.Seed, s.where(), s.Proof)
	}
	slices.Sort(took)
	median := time.Duration(0)
	if len(took) > 0 {
		median = took[len(took)/2]
	}
	_, err := fmt.Fprintf(w, "\n## Planted bugs\n\n`go run ./test/faults planted` builds each of them into the product and looks for it.\n"+
		"%d of %d were found, %d of them in other workloads than expected, the median after %v.\n\n| tag | bug | fault | found after | seed | workloads | first proof |\n|---|---|---|---|---:|---|---|\n%s",
		found, bugs, elsewhere, median, rows)
	return err
}
