//go:build linux

package link

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"

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

// Enter moves this process into a network and a mount namespace of its own, which end
// with it. It has to be the first call of every program that uses this package: the
// program begins once more in there, with the same arguments and as the same process,
// and then Enter returns. It also returns where namespaces cannot be made; [New] then
// says why. In the process of the switch it does not return.
func Enter() {
	switch os.Getenv(role) {
	case roleSwitch:
		os.Exit(switchProgram())
	case roleInside:
		_ = os.Unsetenv(role) // not for the programs that this one starts
		inside = true
	default:
		errNotInside = beginInside()
	}
}

// errNotInside is why Enter has not moved this process.
var errNotInside = errors.New("the program did not call link.Enter")

// Entered tells, before Enter is called, that Enter has done its work already and this
// is the program that began once more.
func Entered() bool { return os.Getenv(role) != "" }

// beginInside does not return when it works.
func beginInside() error {
	if err := Capable(); err != nil {
		return err
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	// The program that is executed is where this thread is.
	runtime.LockOSThread()
	if err := unix.Unshare(unix.CLONE_NEWNET | unix.CLONE_NEWNS); err != nil {
		return fmt.Errorf("making namespaces: %w", err)
	}
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("keeping mounts private: %w", err)
	}
	if err := letGo(); err != nil {
		return fmt.Errorf("letting go of mounts: %w", err)
	}
	return fmt.Errorf("beginning again: %w", unix.Exec(self, os.Args, append(os.Environ(), role+"="+roleInside)))
}

// letGo unmounts what is on loop devices: disks of other runs, of which this namespace
// has copies, and which could not be unmounted there while it has.
func letGo() error {
	mounts, err := os.ReadFile("/proc/self/mounts")
	if err != nil {
		return err
	}
	for line := range strings.Lines(string(mounts)) {
		fields := strings.Fields(line)
		if len(fields) > 1 && strings.HasPrefix(fields[0], "/dev/loop") {
			_ = unix.Unmount(fields[1], unix.MNT_DETACH) // it may be gone by now
		}
	}
	return nil
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
