//go:build unix

package main

import (
	"bufio"
	"context"
	"errors"
	"io"
	"os"
	"strings"
	"syscall"
	"testing"
)

func TestChildExitCodes(t *testing.T) {
	for script, want := range map[string]int{
		"exit 0":         0,
		"exit 3":         3,
		"kill -TERM $$":  128 + 15,
		"test $NAME = x": 0,
	} {
		c := child{argv: []string{"sh", "-c", script}, env: []string{"NAME=x"}, in: strings.NewReader("")}
		got, err := c.run(t.Context(), &app{out: io.Discard, complaints: io.Discard})
		if err != nil || got != want {
			t.Errorf("%q: got %d, %v; want %d", script, got, err, want)
		}
	}
}

func TestChildReadsItsInput(t *testing.T) {
	var out strings.Builder
	c := child{argv: []string{"cat"}, in: strings.NewReader("the body")}
	if _, err := c.run(t.Context(), &app{out: &out, complaints: io.Discard}); err != nil || out.String() != "the body" {
		t.Errorf("got %q, %v", out.String(), err)
	}
}

// TestChildEndsWithWhatItRunsUnder: also what the command started itself ends.
func TestChildEndsWithWhatItRunsUnder(t *testing.T) {
	ctx, lose := context.WithCancel(t.Context())
	defer lose()
	read, write := io.Pipe()
	go func() {
		defer read.Close()
		if line, err := bufio.NewReader(read).ReadString('\n'); err == nil && line == "running\n" {
			lose()
		}
	}()
	c := child{argv: []string{"sh", "-c", "echo running; sleep 60 & wait"}, in: strings.NewReader("")}
	got, err := c.run(ctx, &app{out: write, complaints: io.Discard})
	if err != nil || got != 128+15 {
		t.Errorf("got %d, %v; want the exit code of SIGTERM", got, err)
	}
}

// TestChildIsEndedWithUs: that we were told to stop is known as soon as the command
// has ended, whenever the signal ends the program's context.
func TestChildIsEndedWithUs(t *testing.T) {
	read, write := io.Pipe()
	go func() {
		defer read.Close()
		if line, err := bufio.NewReader(read).ReadString('\n'); err == nil && line == "running\n" {
			_ = syscall.Kill(os.Getpid(), syscall.SIGTERM)
		}
	}()
	c := child{argv: []string{"sh", "-c", "echo running; sleep 60"}, in: strings.NewReader("")}
	got, err := c.run(t.Context(), &app{out: write, complaints: io.Discard})
	if err != nil || got != 128+15 {
		t.Errorf("got %d, %v; want the exit code of SIGTERM", got, err)
	}
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	go stop()
	if !c.interrupted(ctx) {
		t.Error("nobody told this program to stop")
	}
}

func TestChildThatCannotStart(t *testing.T) {
	c := child{argv: []string{"no-such-program"}, in: strings.NewReader("")}
	_, err := c.run(t.Context(), &app{out: io.Discard, complaints: io.Discard})
	var exit *exitError
	if !errors.As(err, &exit) || exit.code != exitNoCommand || !strings.Contains(exit.sentence, "no-such-program") {
		t.Errorf("got %v; want a sentence with the name", err)
	}
}
