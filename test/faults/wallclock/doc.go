// Package wallclock makes the wall clock of one process jump, and leaves the clock
// of the machine and of all other processes alone.
//
// A Go program on linux/amd64 asks __vdso_clock_gettime for the time, a function
// that the kernel maps into each process (the vDSO). Attach writes another one over
// it, in that process only, as a debugger writes a breakpoint: through
// /proc/PID/mem, whereupon the kernel gives the process a copy of the page. It makes
// the real system call, and adds an offset to the seconds when the clock that was
// asked for is CLOCK_REALTIME:
//
//	time.Now() ─ CLOCK_REALTIME  ─► syscall ─► + offset     jumps
//	           └ CLOCK_MONOTONIC ─► syscall                 does not
//
// So time.Since of an earlier time.Now, timers and tickers go on as before, exactly
// as when somebody sets the clock of a machine. The offset is in the same page;
// each Jump changes it.
//
// What it models: clock_settime, and a step of ntpd or of a hypervisor. What it does
// not: slewing and drift (a clock whose rate is wrong), for which the monotonic
// clock would have to go wrong as well; CLOCK_REALTIME_COARSE, gettimeofday and
// time, which a Go program does not use; times that the kernel itself takes by the
// wall clock, such as the times of files; and timers on CLOCK_REALTIME, which Go
// does not use either.
//
// Each reading of a clock costs a real system call after Attach, some 0.2 µs instead
// of 0.03.
//
// The process is stopped (SIGSTOP) for the moment in which its code or the offset
// changes, and only goes on if it ran before. The code is not changed while a thread
// is inside of it. What Attach cannot see is a thread whose signal handler runs
// while it was interrupted there, so attach early, when a process has just begun.
// A process forgets it all with exec, and with its end; so a node has to be attached
// to anew in each life.
package wallclock
