package conclave

import (
	"syscall"
	"time"
	"unsafe"
)

// CLOCK_BOOTTIME of clock_gettime(2).
const clockBoottime = 7

// sinceBoot is the time since the machine started, suspended or not.
func sinceBoot() time.Duration {
	var ts syscall.Timespec
	_, _, errno := syscall.RawSyscall(syscall.SYS_CLOCK_GETTIME, clockBoottime, uintptr(unsafe.Pointer(&ts)), 0)
	if errno != 0 {
		return 0
	}
	return time.Duration(ts.Nano())
}
