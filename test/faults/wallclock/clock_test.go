//go:build linux

package wallclock

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"syscall"
	"testing"
	"time"
)

// tellerEnv has this test binary run as a program that tells the time.
const tellerEnv = "CONCLAVE_WALLCLOCK_TELLER"

func TestMain(m *testing.M) {
	if os.Getenv(tellerEnv) != "" {
		tell(os.Stdin, os.Stdout)
		return
	}
	os.Exit(m.Run())
}

// tell answers each line with the wall clock and the time since the start, while
// other goroutines read clocks all the time.
func tell(in io.Reader, out io.Writer) {
	begin := time.Now()
	for range 3 {
		go func() {
			for time.Since(begin) < time.Minute {
			}
		}()
	}
	for lines := bufio.NewScanner(in); lines.Scan(); {
		now := time.Now()
		_, _ = fmt.Fprintln(out, now.UnixNano(), int64(now.Sub(begin)))
	}
}

// teller is such a process.
type teller struct {
	t   *testing.T
	cmd *exec.Cmd
	in  io.Writer
	out *bufio.Reader
}

func startTeller(t *testing.T) *teller {
	t.Helper()
	if err := Supported(); err != nil {
		t.Skip(err)
	}
	self, err := os.Executable()
	ok(t, err)
	p := &teller{t: t, cmd: exec.Command(self)}
	p.cmd.Env = append(os.Environ(), tellerEnv+"=1")
	p.in, err = p.cmd.StdinPipe()
	ok(t, err)
	out, err := p.cmd.StdoutPipe()
	ok(t, err)
	p.out = bufio.NewReader(out)
	ok(t, p.cmd.Start())
	t.Cleanup(func() {
		_ = p.cmd.Process.Kill()
		_ = p.cmd.Wait()
	})
	return p
}

// asks returns how far the wall clock of the process is from this one's, and its
// monotonic time.
func (p *teller) asks() (off, since time.Duration) {
	p.t.Helper()
	_, err := io.WriteString(p.in, "?\n")
	ok(p.t, err)
	var wall, mono int64
	_, err = fmt.Fscan(p.out, &wall, &mono)
	ok(p.t, err)
	return time.Until(time.Unix(0, wall)).Round(time.Minute), time.Duration(mono)
}

// The wall clock jumps, forward and back; the monotonic one does not.
func TestJump(t *testing.T) {
	p := startTeller(t)
	p.asks() // it is past its start, and its threads are reading clocks
	begin := time.Now()
	_, before := p.asks()
	c, err := Attach(p.cmd.Process.Pid)
	ok(t, err)
	want := time.Duration(0)
	for _, by := range []time.Duration{0, time.Hour, -2 * time.Hour, time.Hour, -time.Hour, 100 * time.Hour} {
		ok(t, c.Jump(by))
		want += by
		off, since := p.asks()
		if off != want || c.Offset() != want {
			t.Errorf("after a jump by %v the clock is off by %v (%v on record), want %v", by, off, c.Offset(), want)
		}
		if passed := since - before; passed < 0 || passed > time.Since(begin) {
			t.Errorf("the monotonic clock went by %v within %v", passed, time.Since(begin))
		}
	}
	again, err := Attach(p.cmd.Process.Pid)
	ok(t, err)
	if again.Offset() != want {
		t.Errorf("the second Attach finds an offset of %v, want %v", again.Offset(), want)
	}
}

// Processes are taken over in the very moment they begin, and none is harmed.
func TestAttachAtOnce(t *testing.T) {
	for range 20 {
		p := startTeller(t)
		c, err := Attach(p.cmd.Process.Pid)
		ok(t, err)
		ok(t, c.Jump(time.Hour))
		if off, _ := p.asks(); off != time.Hour {
			t.Errorf("the clock is off by %v", off)
		}
		ok(t, p.cmd.Process.Kill())
	}
}

// A process that was paused stays paused.
func TestJumpWhilePaused(t *testing.T) {
	p := startTeller(t)
	c, err := Attach(p.cmd.Process.Pid)
	ok(t, err)
	resume, err := stop(p.cmd.Process.Pid)
	ok(t, err)
	ok(t, c.Jump(-time.Hour))
	if still, err := allStopped(p.cmd.Process.Pid); err != nil || !still {
		t.Errorf("the jump let the process go on (%v)", err)
	}
	ok(t, resume())
	if off, _ := p.asks(); off != -time.Hour {
		t.Errorf("the clock is off by %v", off)
	}
}

func TestRefusals(t *testing.T) {
	p := startTeller(t)
	c, err := Attach(p.cmd.Process.Pid)
	ok(t, err)
	if err := c.Jump(time.Millisecond); err == nil {
		t.Error("a jump by a millisecond was accepted")
	}
	ok(t, p.cmd.Process.Signal(syscall.SIGKILL))
	_ = p.cmd.Wait()
	if _, err := Attach(p.cmd.Process.Pid); err == nil {
		t.Error("attached to a process that has ended")
	} else {
		t.Log(err)
	}
	if err := c.Jump(time.Hour); err == nil {
		t.Error("a process that has ended has jumped")
	}
}

func ok(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
