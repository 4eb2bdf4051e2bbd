package system

import (
	"os/exec"
	"syscall"
)

// endWithParent leaves no server behind when this program is killed.
func endWithParent(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
}
