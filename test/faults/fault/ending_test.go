package fault

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/conclavehq/conclave/test/faults/rig"
)

// Only a node that ends by itself, with a sentence, has found that its data is damaged;
// and only one whose sentence says so has refused to take part.
func TestWrongEnds(t *testing.T) {
	lost := "conclave: cannot start: " + lostSentence
	for name, c := range map[string]struct {
		attempt
		end, refusal string
	}{
		"it hangs":   {attempt{}, "neither", "neither"},
		"it serves":  {attempt{ready: true}, "neither", "it serves"},
		"silent":     {attempt{end: &rig.End{Said: lost}}, "without", "without"},
		"it panics":  {attempt{end: &rig.End{Panicked: true, Explained: true, Said: lost}}, "panicked", "panicked"},
		"it is told": {attempt{end: &rig.End{Explained: true, Said: "damaged"}}, "", "another reason"},
		"it refuses": {attempt{end: &rig.End{Explained: true, Said: lost}}, "", ""},
	} {
		for _, judged := range []struct{ got, want string }{{c.wrongEnd(), c.end}, {c.wrongRefusal(), c.refusal}} {
			if (judged.got == "") != (judged.want == "") || !strings.Contains(judged.got, judged.want) {
				t.Errorf("%s: %q, want %q", name, judged.got, judged.want)
			}
		}
	}
}

// What counts is how the process ended in this life.
func TestTry(t *testing.T) {
	s := onStage(t, 1)
	n := s.Cluster.Nodes()[0]
	for _, c := range []struct{ does, end, refusal string }{
		{refuses, "", ""},
		{endsSilently, "without a sentence", "without a sentence"},
		{endsWithTrace, "panicked", "panicked"},
		{endsWithReason, "", "another reason"},
	} {
		n.Kill()
		s.tell(t, n, c.does)
		began, err := s.try(t.Context(), n)
		if err != nil || began.ready || began.end == nil {
			t.Fatalf("%s: %+v, %v", c.does, began, err)
		}
		for _, judged := range []struct{ got, want string }{{began.wrongEnd(), c.end}, {began.wrongRefusal(), c.refusal}} {
			if (judged.got == "") != (judged.want == "") || !strings.Contains(judged.got, judged.want) {
				t.Errorf("%s: %q, want %q", c.does, judged.got, judged.want)
			}
		}
	}
	for does, meets := range map[string]bool{"": false, endsLate: true} {
		n.Kill()
		s.tell(t, n, does)
		began, err := s.try(t.Context(), n)
		if err != nil || !began.ready {
			t.Fatalf("%q: %+v, %v", does, began, err)
		}
		within, cancel := context.WithTimeout(t.Context(), 30*time.Second)
		if !meets {
			cancel() // a fake never has a hash
		}
		err = s.readAll(within, began)
		cancel()
		if (err != nil) == meets || began.ready == meets {
			t.Errorf("%q: %v, %+v", does, err, began)
		}
	}
}

// A node that was asked politely has to end with 0.
func TestRestart(t *testing.T) {
	s := onStage(t, 1)
	n := s.Cluster.Nodes()[0]
	s.tell(t, n, endsImpolitely)
	for range 2 { // the second one is impolite
		if err := s.restart(t.Context(), n); err != nil {
			t.Fatal(err)
		}
	}
	if said := s.complaints(t); len(said) != 1 || !strings.Contains(said[0], "exit code 3") {
		t.Errorf("%q", said)
	}
}
