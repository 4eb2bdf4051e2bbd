package main

import (
	"errors"
	"io"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"conclave": main})
}

// patience is how long anything may take that a script waits for.
const patience = 30 * time.Second

// TestScripts runs the real program against real server processes. The commands
// that the scripts have besides testscript's own are below and in node_test.go.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup: func(env *testscript.Env) error {
			env.Values[nodesKey{}] = &nodes{}
			env.Setenv("USER", "tester")
			return nil
		},
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){
			"node":      startNodes,
			"kill-node": stopNode,
			"fails":     fails,
			"await":     await,
			"retry":     retry,
			"capture":   capture,
			"fetch":     fetch,
		},
	})
}

// fails is `fails CODE COMMAND...`: the exit code, and one sentence on standard
// error.
func fails(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: fails CODE COMMAND...")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	err = ts.Exec(args[1], args[2:]...)
	var ended *exec.ExitError
	if !errors.As(err, &ended) || ended.ExitCode() != want {
		ts.Fatalf("ended with %v; want exit code %d", err, want)
	}
	complaint := ts.ReadFile("stderr")
	if !strings.HasPrefix(complaint, "conclave: ") || strings.Count(complaint, "\n") != 1 || strings.Contains(complaint, ". ") {
		ts.Fatalf("standard error is not one sentence:\n%s", complaint)
	}
}

// retry is `retry PATTERN COMMAND...`: it runs a command until its standard
// output matches.
func retry(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: retry PATTERN COMMAND...")
	}
	want, err := regexp.Compile("(?m)" + args[0])
	ts.Check(err)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(patience); time.Now().Before(end); <-tick.C {
		err = ts.Exec(args[1], args[2:]...)
		if want.MatchString(ts.ReadFile("stdout")) {
			return
		}
	}
	ts.Fatalf("it never printed what matches %q; it ended with %v", args[0], err)
}

// await is `await FILE [TEXT]`: it waits until a file, which a program in the
// background writes, contains the text, or a line.
func await(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 1 || len(args) > 2 {
		ts.Fatalf("usage: await FILE [TEXT]")
	}
	file, want := ts.MkAbs(args[0]), "\n"
	if len(args) == 2 {
		want = args[1]
	}
	var text []byte
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(patience); time.Now().Before(end); <-tick.C {
		text, _ = os.ReadFile(file) // may not be there yet
		if strings.Contains(string(text), want) {
			return
		}
	}
	ts.Fatalf("%s never contained %q; it is:\n%s", args[0], want, text)
}

// capture is `capture VARIABLE`: what the last command printed becomes an
// environment variable; `capture VARIABLE N` takes its N-th word.
func capture(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 1 || len(args) > 2 {
		ts.Fatalf("usage: capture VARIABLE [N]")
	}
	value := strings.TrimSpace(ts.ReadFile("stdout"))
	if len(args) == 2 {
		n, err := strconv.Atoi(args[1])
		ts.Check(err)
		words := strings.Fields(value)
		if n < 1 || n > len(words) {
			ts.Fatalf("there is no word %d in %q", n, value)
		}
		value = words[n-1]
	}
	ts.Setenv(args[0], value)
}

// fetch is `[!] fetch URL`: what is answered there becomes the standard output.
func fetch(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) != 1 {
		ts.Fatalf("usage: fetch URL")
	}
	answer, err := http.Get(args[0])
	if err == nil {
		defer answer.Body.Close()
		_, err = io.Copy(ts.Stdout(), answer.Body)
	}
	if err == nil && answer.StatusCode != http.StatusOK {
		err = errors.New(answer.Status)
	}
	if neg && err == nil {
		ts.Fatalf("%s answers", args[0])
	}
	if !neg {
		ts.Check(err)
	}
}
