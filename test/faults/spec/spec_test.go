package spec

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestSpecOfAFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "run.yaml")
	want, err := Spec{Fault: "F01", Seed: 7, Duration: time.Minute, Workloads: []string{"queues"}}.Complete()
	if err != nil {
		t.Fatal(err)
	}
	if err = Write(path, want); err != nil {
		t.Fatal(err)
	}
	got, err := Read(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	for text, says := range map[string]string{
		"fault: F99":                        "no fault",
		"fault: none\nworkloads: [quantum]": "no workload",
		"fault: none\nnodes: 99":            "1 to 7 nodes",
		"falut: F15":                        "falut",
		"seed: 4":                           "names no fault",
		"fault:":                            "names no fault",
		"":                                  "names no fault",
		"fault: [":                          "yaml",
	} {
		if err = os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err = Read(path); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v; want something about %s", text, err, says)
		}
	}
}

func TestScheduleIsTheSeeds(t *testing.T) {
	one, _ := Spec{Fault: "F01", Seed: 1, Duration: time.Minute}.Complete()
	other := one
	other.Seed = 2
	if diff := cmp.Diff(one.Schedule(), one.Schedule()); diff != "" {
		t.Errorf("one seed gave two schedules: %s", diff)
	}
	if cmp.Equal(one.Schedule(), other.Schedule()) {
		t.Error("two seeds gave one schedule")
	}
	none, _ := Spec{}.Complete()
	if n := len(none.Schedule()); n != 0 {
		t.Errorf("a run without a fault has %d injections", n)
	}
}

// A command repeats everything of a run that a command line can say.
func TestCommand(t *testing.T) {
	for want, s := range map[string]Spec{
		"go run ./test/faults run --fault F01 --seed 7 --nodes 3 --duration 30s": {Fault: "F01", Seed: 7},
		"go run ./test/faults run --fault disk --seed 1 --nodes 5 --duration 1m0s --injections 4 --workloads mutexes,queues --rate 0.5 --every 200ms --hold 1.2s": {
			Fault: "disk", Nodes: 5, Duration: time.Minute, Injections: 4, Rate: 0.5,
			Every: 200 * time.Millisecond, Hold: 1200 * time.Millisecond, Workloads: []string{"mutexes", "queues"},
		},
	} {
		s, err := s.Complete()
		if err != nil {
			t.Fatal(err)
		}
		if got := s.Command(); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
}
