//go:build unix

package main

import (
	"os/exec"
	"syscall"
)

// ownGroup makes the command the leader of a new process group.
func ownGroup(cmd *exec.Cmd) {
	attributes(cmd).Setpgid = true
}

func attributes(cmd *exec.Cmd) *syscall.SysProcAttr {
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	return cmd.SysProcAttr
}

// terminate asks the command to end, and with it the rest of its group.
func terminate(cmd *exec.Cmd, group bool) { send(cmd, group, syscall.SIGTERM) }

// slay ends it.
func slay(cmd *exec.Cmd, group bool) { send(cmd, group, syscall.SIGKILL) }

func send(cmd *exec.Cmd, group bool, signal syscall.Signal) {
	pid := cmd.Process.Pid
	if group {
		pid = -pid
	}
	_ = syscall.Kill(pid, signal) // fails only when it is gone
}
