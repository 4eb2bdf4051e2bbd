package transcript

import (
	"context"
	_ "embed"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var rewrite = flag.Bool("rewrite", false, "write what etcd answers into the transcripts")

// sessionTime bounds a whole transcript.
const sessionTime = 2 * time.Minute

//go:embed session.sh
var functions string

// Session says where a transcript is run.
type Session struct {
	// Env are further variables for bash. PATH in it comes before the system's.
	Env []string
	// Dir is the directory where it begins; empty is a new one.
	Dir string
	// Names are words that stand for what differs from run to run.
	Names Names
	// Model says that the answers of this session are the ones to write down.
	Model bool
}

// Run runs a transcript and fails the test where the answers differ.
func (s Session) Run(t *testing.T, path string) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	written := parse(string(text))
	got := s.answers(t, written)
	if *rewrite && s.Model {
		if err := os.WriteFile(path, []byte(got.text()), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	for i := range written {
		if diff := cmp.Diff(written[i].printed, got[i].printed); diff != "" {
			t.Errorf("%s:%d: %s\nwritten (-), got (+):\n%s", path, written[i].line, strings.Join(written[i].command, "\n"), diff)
		}
	}
}

// answers runs the commands of a transcript and returns it with what they printed.
func (s Session) answers(t *testing.T, f file) file {
	t.Helper()
	if s.Dir == "" {
		s.Dir = t.TempDir()
	}
	out := s.bash(t, script(f))
	scrub := NewScrub(s.Names)
	answered := make(file, len(f))
	for i, step := range f {
		answered[i] = step
		if step.command == nil {
			continue
		}
		answered[i].printed = nil
		end := endOf(i).FindStringSubmatchIndex(out)
		if end == nil {
			t.Fatalf("line %d: the session ended in this command, or it took too long: %s\nafter:\n%s",
				step.line, strings.Join(step.command, "\n"), out)
		}
		printed, code := out[:end[0]], out[end[2]:end[3]]
		out = out[end[1]:]
		if printed = strings.TrimSuffix(scrub.Text(printed), "\n"); printed != "" {
			answered[i].printed = strings.Split(printed, "\n")
		}
		if code != "0" {
			answered[i].printed = append(answered[i].printed, "["+code+"]")
		}
	}
	return answered
}

// mark separates the answers from each other. No program prints it.
const mark = "\x01end"

// script is the commands with a mark after each.
func script(f file) string {
	var b strings.Builder
	b.WriteString(functions)
	for i, s := range f {
		if s.command == nil {
			continue
		}
		b.WriteString(strings.Join(s.command, "\n") + "\n")
		fmt.Fprintf(&b, "printf '%s %%d %%d\\n' %d $?\n", mark, i)
	}
	return b.String()
}

func endOf(i int) *regexp.Regexp {
	return regexp.MustCompile(fmt.Sprintf(`%s %d (\d+)\n`, mark, i))
}

// bash runs a script and returns what it printed. What it started ends with it.
func (s Session) bash(t *testing.T, script string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "session")
	if err := os.WriteFile(path, []byte(script), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := os.Create(filepath.Join(t.TempDir(), "output"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = out.Close() }()

	ctx, cancel := context.WithTimeout(t.Context(), sessionTime)
	defer cancel()
	cmd := exec.CommandContext(ctx, "bash", "--noprofile", "--norc", path)
	cmd.Dir, cmd.Env = s.Dir, s.Env
	cmd.Stdout, cmd.Stderr = out, out
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	err = cmd.Run()
	text, readErr := os.ReadFile(out.Name())
	if readErr != nil {
		t.Fatal(readErr)
	}
	if ctx.Err() != nil {
		t.Errorf("the session did not end within %v", sessionTime)
	} else if err != nil && cmd.ProcessState == nil {
		t.Fatal(err)
	}
	return string(text)
}
