// Package spec says what a run is: which fault, on how many nodes, for how long, with
// which seed; and makes of it the schedule of injections, before the run begins.
package spec

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/conclavehq/conclave/test/faults/fault"
	"github.com/conclavehq/conclave/test/faults/history"
)

// Spec is a run, as its YAML file says it. Zero fields have the defaults below.
type Spec struct {
	// Fault is one or several (with commas) ids, names or families of the catalogue,
	// or "all", or "none". Several take turns, in an order that the seed decides.
	Fault string `yaml:"fault"`
	// Nodes is 1 to 7; 3 by default. Faults that take a minority need 3 or more.
	Nodes int `yaml:"nodes,omitempty"`
	// Seed decides the schedule, the targets and what clients do.
	Seed uint64 `yaml:"seed"`
	// Duration is how long there are faults; 30 s by default.
	Duration time.Duration `yaml:"duration,omitempty"`
	// Injections ends the run earlier, after so many turns of faults; 0 = no such end.
	// A run that counts its turns does as much on a slow machine as on a fast one, as
	// long as Duration is ample.
	Injections int `yaml:"injections,omitempty"`
	// Workloads are names; all by default.
	Workloads []string `yaml:"workloads,omitempty,flow"`
	// Rate multiplies what the clients do; 1 by default.
	Rate float64 `yaml:"rate,omitempty"`
	// Every and Hold replace those of the fault.
	Every time.Duration `yaml:"every,omitempty"`
	Hold  time.Duration `yaml:"hold,omitempty"`
	// Flags are added to those of every node.
	Flags []string `yaml:"flags,omitempty,flow"`
	// Why is a sentence for the reader, such as what a regression seed once found.
	Why string `yaml:"why,omitempty"`
}

// Complete puts the defaults in, or says what is wrong.
func (s Spec) Complete() (Spec, error) {
	if s.Nodes == 0 {
		s.Nodes = 3
	}
	if s.Duration == 0 {
		s.Duration = 30 * time.Second
	}
	if s.Rate == 0 {
		s.Rate = 1
	}
	if s.Seed == 0 {
		s.Seed = 1
	}
	if s.Fault == "" {
		s.Fault = None
	}
	return s, s.Check()
}

// Check says what is wrong with a spec in which nothing is left to the defaults.
func (s Spec) Check() error {
	if s.Fault == "" {
		return fmt.Errorf("it names no fault; a run without any says %q", None)
	}
	if _, err := s.Faults(); err != nil {
		return err
	}
	if s.Nodes < 1 || s.Nodes > 7 || s.Duration < time.Second || s.Duration > 24*time.Hour || !(s.Rate > 0 && s.Rate <= 100) {
		return fmt.Errorf("1 to 7 nodes, 1s to 24h and a rate up to 100 can be run, not %d, %v and %v", s.Nodes, s.Duration, s.Rate)
	}
	if s.Seed == 0 || s.Injections < 0 || s.Every < 0 || s.Hold < 0 {
		return fmt.Errorf("a seed is 1 at least, and no number of injections and no time is negative: not %d, %d, %v and %v",
			s.Seed, s.Injections, s.Every, s.Hold)
	}
	_, err := s.Only()
	return err
}

// Command is the command line that does such a run. Flags of nodes have to be said
// in a file, so it leaves them out.
func (s Spec) Command() string {
	text := fmt.Sprintf("go run ./test/faults run --fault %s --seed %d --nodes %d --duration %v", s.Fault, s.Seed, s.Nodes, s.Duration)
	if s.Injections != 0 {
		text += fmt.Sprintf(" --injections %d", s.Injections)
	}
	if len(s.Workloads) > 0 {
		text += " --workloads " + strings.Join(s.Workloads, ",")
	}
	if s.Rate != 1 {
		text += fmt.Sprintf(" --rate %g", s.Rate)
	}
	if s.Every != 0 {
		text += fmt.Sprintf(" --every %v", s.Every)
	}
	if s.Hold != 0 {
		text += fmt.Sprintf(" --hold %v", s.Hold)
	}
	return text
}

// None is the fault of a run without any.
const None = "none"

// Only is which workloads run.
func (s Spec) Only() ([]history.Workload, error) {
	var only []history.Workload
	for _, name := range s.Workloads {
		w, ok := history.WorkloadNamed(name)
		if !ok {
			return nil, fmt.Errorf("there is no workload %q", name)
		}
		only = append(only, w)
	}
	return only, nil
}

// Faults are those that take turns; none for a run without any.
func (s Spec) Faults() ([]fault.Fault, error) {
	if s.Fault == None {
		return nil, nil
	}
	var faults []fault.Fault
	for _, name := range strings.Split(s.Fault, ",") {
		found := fault.Named(strings.TrimSpace(name))
		if len(found) == 0 {
			return nil, fmt.Errorf("there is no fault %q; `faults list` tells all", name)
		}
		faults = append(faults, found...)
	}
	return faults, nil
}

// Injection is one entry of a schedule.
type Injection struct {
	// Fault is its id.
	Fault string `yaml:"fault"`
	// After is the pause since the end of the one before.
	After time.Duration `yaml:"after"`
	// Hold is how long the harm lasts.
	Hold time.Duration `yaml:"hold"`
	// Seed decides the target and all else that is open.
	Seed uint64 `yaml:"seed"`
}

// Schedule makes the injections of a run. They begin one after the other, each when
// the one before has healed and After has passed, so how many of them fit into a run
// depends on the machine; the order, the pauses and what each does depend on the seed.
func (s Spec) Schedule() []Injection {
	faults, err := s.Faults()
	if err != nil || len(faults) == 0 {
		return nil
	}
	r := rand.New(rand.NewPCG(s.Seed, 0xfa17))
	var schedule []Injection
	for planned := time.Duration(0); planned < s.Duration; {
		r.Shuffle(len(faults), func(i, j int) { faults[i], faults[j] = faults[j], faults[i] })
		for _, f := range faults {
			every, hold := f.Every, f.Hold
			if s.Every > 0 {
				every = s.Every
			}
			if s.Hold > 0 {
				hold = s.Hold
			}
			next := Injection{Fault: f.ID, After: around(r, every), Hold: around(r, hold), Seed: r.Uint64()}
			schedule = append(schedule, next)
			planned += max(next.After, 50*time.Millisecond)
		}
	}
	if s.Injections > 0 && len(schedule) > s.Injections {
		schedule = schedule[:s.Injections]
	}
	return schedule
}

// around draws from half to one and a half of d.
func around(r *rand.Rand, d time.Duration) time.Duration {
	return (d/2 + time.Duration(r.Int64N(int64(d)+1))).Round(time.Millisecond)
}
