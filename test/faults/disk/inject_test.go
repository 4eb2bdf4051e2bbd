//go:build linux

package disk

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// A writer whose syncs fail, fails; nothing but syncs is hit.
func TestErrorsOfOneProcess(t *testing.T) {
	for _, c := range []struct {
		call  string
		errno unix.Errno
		says  string
	}{
		{"fsync", unix.EIO, "sync"},
		{"write", unix.ENOSPC, "no space left"},
	} {
		t.Run(c.call, func(t *testing.T) {
			needStrace(t)
			d := makeDisk(t, testBytes)
			w := startWriter(t, d.Path(), true)
			w.reaches(10)
			// The writer closes each file, and so has one of them open only sometimes.
			var in *Injector
			err := poll(func() (err error) {
				in, err = d.Errors(w.cmd.Process.Pid, c.call, c.errno, "")
				return err
			})
			ok(t, err)
			if c.call == "write" {
				// That file may have been written already; what it proves is that the
				// pipe to this test, which is written to all the time, is not hit.
				w.catchUp()
				w.reaches(w.last + 10)
				ok(t, in.Stop())
				return
			}
			for w.hears() {
			}
			if said := w.lines.Text(); !strings.HasPrefix(said, "stopped:") || !strings.Contains(said, c.says) {
				t.Errorf("the writer said %q", said)
			}
			ok(t, in.Stop())
			if in.Hits() != 1 {
				t.Errorf("%d calls were hit, want 1", in.Hits())
			}
		})
	}
}

// Syncs take longer while the injection lasts, and not after it.
func TestDelay(t *testing.T) {
	needStrace(t)
	d := makeDisk(t, testBytes)
	w := startWriter(t, d.Path(), true)
	w.reaches(10)
	const by = 50 * time.Millisecond
	in, err := d.Delay(w.cmd.Process.Pid, by)
	ok(t, err)
	w.catchUp()
	begin := time.Now()
	w.reaches(w.last + 6)
	slow := time.Since(begin)
	ok(t, in.Stop())
	if want := 5 * 2 * by; slow < want { // each file has two syncs
		t.Errorf("5 files took %v, want %v at least", slow, want)
	}
	if in.Hits() < 10 {
		t.Errorf("%d calls were delayed", in.Hits())
	}
	w.catchUp()
	begin = time.Now()
	w.reaches(w.last + 6)
	if fast := time.Since(begin); fast > slow {
		t.Errorf("5 files took %v after the delay was over, and %v before", fast, slow)
	}
}

func TestInjectionsThatCannotBe(t *testing.T) {
	d := &Disk{path: t.TempDir()}
	for name, in := range map[string]Injection{
		"no call":       {Errno: unix.EIO},
		"no effect":     {Calls: []string{"fsync"}},
		"other call":    {Calls: []string{"getpid"}, Errno: unix.EIO},
		"no such errno": {Calls: []string{"fsync"}, Errno: 4000},
		"no open file":  {Calls: []string{"write"}, Errno: unix.EIO},
	} {
		if got, err := d.Inject(os.Getpid(), in); err == nil {
			t.Errorf("%s: it was begun", name)
			_ = got.Stop()
		}
	}
}

func needStrace(t *testing.T) {
	t.Helper()
	if _, err := exec.LookPath("strace"); err != nil {
		t.Skip("strace is missing")
	}
}

// A full disk takes nothing more, until the room is given back.
func TestFillAndFree(t *testing.T) {
	d := makeDisk(t, testBytes)
	path := filepath.Join(d.Path(), "file")
	writeSynced(t, path, "before")
	ok(t, d.Fill())
	file, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
	ok(t, err)
	defer func() { _ = file.Close() }()
	if _, err := file.Write(make([]byte, 8192)); err == nil {
		if err = file.Sync(); err == nil {
			t.Error("8 KiB fit on a full disk")
		}
	}
	ok(t, d.Free())
	if _, err := file.Write(make([]byte, testBytes/2)); err != nil {
		t.Errorf("half of the disk after Free: %v", err)
	}
	ok(t, file.Sync())
}

// A limit on writes slows syncs down, follows the disk to its next device and can
// be lifted.
func TestThrottle(t *testing.T) {
	d := makeDisk(t, testBytes)
	took := func() time.Duration {
		begin := time.Now()
		for range 5 {
			writeSynced(t, filepath.Join(d.Path(), "file"), "x")
		}
		return time.Since(begin)
	}
	ok(t, d.Throttle(10))
	slow := took()
	ok(t, d.Remount())
	again := took()
	ok(t, d.Throttle(0))
	fast := took()
	t.Logf("5 files: %v throttled, %v after a remount, %v without", slow, again, fast)
	if min(slow, again) < 500*time.Millisecond || fast > min(slow, again)/2 {
		t.Error("the limit was not felt, or not lifted")
	}
}
