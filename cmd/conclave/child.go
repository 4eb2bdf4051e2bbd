package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"syscall"
	"time"
)

// grace is how long a command has to end after SIGTERM, before SIGKILL. A
// session goes on being renewed meanwhile, unless it is what was lost.
const grace = 5 * time.Second

// child is a command that runs under a lock, a leadership or a claim, or for an
// event.
type child struct {
	argv []string
	// env is added to the environment, as NAME=value.
	env []string
	in  io.Reader
	// told says, after run, that this program was told to stop meanwhile.
	told bool
}

// run runs the command until it ends by itself, ctx ends, or this program is
// told to stop; it is ended in the latter two cases. The exit code is that of a
// shell: 128 + n for a command that signal n ended.
//
// A command that shares our terminal gets Ctrl-C itself, so that we leave what
// follows to it. Otherwise it has a process group of its own, and what it
// started ends with it.
func (c *child) run(ctx context.Context, a *app) (code int, err error) {
	shared := isTerminal(c.in)
	cmd := exec.Command(c.argv[0], c.argv[1:]...)
	cmd.Env = append(os.Environ(), c.env...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = c.in, a.out, a.complaints
	// What it leaves behind must not keep us from seeing that it has ended.
	cmd.WaitDelay = grace
	if !shared {
		ownGroup(cmd)
	}
	defer dieTogether(cmd)()

	told := make(chan os.Signal, 2)
	signal.Notify(told, syscall.SIGINT, syscall.SIGTERM)
	defer signal.Stop(told)
	if err := cmd.Start(); err != nil {
		return 0, &exitError{exitNoCommand, "cannot start the command: " + startFailure(err)}
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()

	var kill <-chan time.Time
	over := ctx.Done()
	stop := func() {
		over = nil
		if kill == nil {
			terminate(cmd, !shared)
			kill = time.After(grace)
		}
	}
	for {
		select {
		case err := <-ended:
			c.told = c.told || len(told) > 0
			return exitCode(cmd, err)
		case <-over:
			stop()
		case s := <-told:
			c.told = true
			if s != syscall.SIGINT || !shared {
				stop()
			}
		case <-kill:
			slay(cmd, !shared)
		}
	}
}

// interrupted reports, after run, whether this program was told to stop. ctx is
// that of the program: the signal ends it too, but maybe only after the command.
func (c *child) interrupted(ctx context.Context) bool {
	if c.told {
		<-ctx.Done()
	}
	return ctx.Err() != nil
}

func exitCode(cmd *exec.Cmd, err error) (int, error) {
	var ended *exec.ExitError
	if err != nil && !errors.As(err, &ended) && !errors.Is(err, exec.ErrWaitDelay) {
		return 0, fmt.Errorf("cannot follow the command: %w", err)
	}
	if status, ok := cmd.ProcessState.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		return 128 + int(status.Signal()), nil
	}
	return cmd.ProcessState.ExitCode(), nil
}

// startFailure is without the name of the system call.
func startFailure(err error) string {
	var missing *exec.Error
	if errors.As(err, &missing) {
		return missing.Name + ": " + missing.Err.Error()
	}
	var path *os.PathError
	if errors.As(err, &path) {
		return path.Path + ": " + path.Err.Error()
	}
	return err.Error()
}

// isTerminal reports whether a person may sit at the other end.
func isTerminal(stream any) bool {
	file, ok := stream.(*os.File)
	if !ok {
		return false
	}
	info, err := file.Stat()
	if err != nil || info.Mode()&os.ModeCharDevice == 0 {
		return false
	}
	null, err := os.Stat(os.DevNull)
	return err != nil || !os.SameFile(info, null)
}
