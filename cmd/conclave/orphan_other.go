//go:build !linux

package main

import "os/exec"

// dieTogether does nothing: only Linux can kill a command with its parent.
func dieTogether(*exec.Cmd) (done func()) { return func() {} }
