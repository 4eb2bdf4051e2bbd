package spec

import (
	"os"
	"path/filepath"
	"testing"
)

// What is wrong with a file is told in one sentence that begins with its name.
func TestWordsAboutFiles(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "a.yaml")
	schedule := func(path string) error { _, err := ReadSchedule(path); return err }
	read := func(path string) error { _, err := Read(path); return err }
	for _, c := range []struct {
		text, says string
		read       func(string) error
	}{
		{"fault: F01\nseeed: 4\n", "line 2: there is no field seeed", read},
		{"fault: F01\nseed: many\nnodse: 3\n", "line 2: many is not a whole number from 0 on; line 3: there is no field nodse", read},
		{"fault: F01\nduration: 1 minute\n", "line 2: 1 minute is not a time such as 30s", read},
		{"fault: F01\nnodes: [3]\n", "line 2: this is not a whole number", read},
		{"F01", "line 1: F01 is not fields with values", read},
		{"fault: F99", `there is no fault "F99"; ` + "`faults list` tells all", read},
		{"fault: F01\nhold: -1s", "a seed is 1 at least, and no number of injections and no time is negative: not 1, 0, 0s and -1s", read},
		{"fault: [", "it is no YAML: line 1: did not find expected node content", read},
		{"- fault: F01\n- fault: F99\n", `there is no fault "F99", which is that of injection 1`, schedule},
		{"- fualt: F01\n", "line 1: there is no field fualt", schedule},
		{"fault: F01\n", "line 1: this is not a list of injections", schedule},
		{"", "it has no schedule; that of a run without injections is []", schedule},
	} {
		if err := os.WriteFile(path, []byte(c.text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := c.read(path); err == nil || err.Error() != path+": "+c.says {
			t.Errorf("%q: %v", c.text, err)
		}
	}
	if err := os.WriteFile(path, []byte("[]\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := schedule(path); err != nil {
		t.Errorf("a run without injections: %v", err)
	}
}

// Nothing that is said to be 0 becomes a default.
func TestCheck(t *testing.T) {
	sound, err := Spec{Fault: "F01"}.Complete()
	if err != nil || sound.Check() != nil {
		t.Fatalf("the defaults are wrong: %v", err)
	}
	for what, spoil := range map[string]func(*Spec){
		"no fault": func(s *Spec) { s.Fault = "" }, "no nodes": func(s *Spec) { s.Nodes = 0 },
		"no time": func(s *Spec) { s.Duration = 0 }, "no rate": func(s *Spec) { s.Rate = 0 }, "no seed": func(s *Spec) { s.Seed = 0 },
		"too few injections": func(s *Spec) { s.Injections = -1 }, "an end before its begin": func(s *Spec) { s.Every = -1 },
	} {
		s := sound
		if spoil(&s); s.Check() == nil {
			t.Errorf("%s is right", what)
		}
	}
}
