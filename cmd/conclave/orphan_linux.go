package main

import (
	"os/exec"
	"runtime"
	"syscall"
)

// dieTogether has the kernel kill the command when this program is killed, and
// can not end it any more. The caller calls done when the command has ended.
func dieTogether(cmd *exec.Cmd) (done func()) {
	attributes(cmd).Pdeathsig = syscall.SIGKILL
	// The kernel means the thread that started it.
	runtime.LockOSThread()
	return runtime.UnlockOSThread
}
