//go:build !unix

package main

import "os/exec"

// Without process groups and SIGTERM a command is ended at once, and what it
// started goes on.

func ownGroup(*exec.Cmd) {}

func terminate(cmd *exec.Cmd, _ bool) { _ = cmd.Process.Kill() }

func slay(cmd *exec.Cmd, _ bool) { _ = cmd.Process.Kill() }
