//go:build linux

package link

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"syscall"

	"golang.org/x/sys/unix"
)

// role is the variable that tells this program what it was run again for.
const role = "CONCLAVE_FAULTS_ROLE"

const (
	roleInside = "inside"
	roleSwitch = "switch"
)

// inside is whether Enter has moved this process.
var inside bool

// Enter has to be the first call of every program that uses this package:
//
//	if code, over := link.Enter(); over {
//		os.Exit(code)
//	}
//
// It runs the program once more in namespaces of its own, with the same arguments,
// and returns when that has ended. There it returns over == false at once. It also
// returns false where namespaces cannot be made: then [New] says why.
func Enter() (code int, over bool) {
	switch os.Getenv(role) {
	case roleSwitch:
		return switchProgram(), true
	case roleInside:
		_ = os.Unsetenv(role) // not for the programs that this one starts
		inside = true
		return 0, false
	}
	if Capable() != nil {
		return 0, false
	}
	return runInside(), true
}

// runInside runs this program in fresh namespaces and returns its exit code.
func runInside() int {
	// The death signal comes when the thread that started a process ends.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	cmd, err := again(roleInside)
	if err != nil {
		return complain(err)
	}
	cmd.Args = os.Args
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Unshareflags: unix.CLONE_NEWNET | unix.CLONE_NEWNS,
		Pdeathsig:    syscall.SIGKILL,
		Setpgid:      true, // so that an interrupt comes once, from here
	}
	signals := make(chan os.Signal, 8)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM, syscall.SIGQUIT, syscall.SIGHUP)
	defer signal.Stop(signals)
	if err := cmd.Start(); err != nil {
		return complain(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	for {
		select {
		case s := <-signals:
			_ = cmd.Process.Signal(s) // it may have ended
		case err := <-ended:
			if cmd.ProcessState == nil {
				return complain(err)
			}
			if status, ok := cmd.ProcessState.Sys().(syscall.WaitStatus); ok && status.Signaled() {
				return 128 + int(status.Signal())
			}
			return cmd.ProcessState.ExitCode()
		}
	}
}

// again is a command that runs this program in another role.
func again(as string) (*exec.Cmd, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), role+"="+as)
	return cmd, nil
}

func complain(err error) int {
	fmt.Fprintln(os.Stderr, "link:", err)
	return 1
}

// Capable says what this machine lacks for a Network, or nil.
func Capable() error {
	if os.Geteuid() != 0 {
		return errors.New("network namespaces need root")
	}
	tun, err := os.OpenFile("/dev/net/tun", os.O_RDWR, 0)
	if err != nil {
		return fmt.Errorf("network devices of one's own need /dev/net/tun: %w", err)
	}
	_ = tun.Close()
	made := make(chan error)
	go func() {
		runtime.LockOSThread() // and never unlocked: the thread ends with its namespace
		made <- unix.Unshare(unix.CLONE_NEWNET | unix.CLONE_NEWNS)
	}()
	if err := <-made; err != nil {
		return fmt.Errorf("this machine lets nobody make namespaces: %w", err)
	}
	return nil
}
