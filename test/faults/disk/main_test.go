//go:build linux

package disk

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// patience bounds what a loaded machine may take.
const patience = time.Minute

// writerEnv has this test binary run as a program that writes; its value is the
// directory, and the argument syncEnv whether it syncs.
const (
	writerEnv = "CONCLAVE_DISK_WRITER"
	syncEnv   = "CONCLAVE_DISK_SYNC"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(writerEnv); dir != "" {
		fmt.Println("stopped:", writeForEver(dir, os.Getenv(syncEnv) != "", os.Stdout))
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// writeForEver makes one file after the other and says so. With sync, what it says
// is on disk: the file is synced, and so is its name.
func writeForEver(dir string, sync bool, said io.Writer) error {
	names, err := os.Open(dir)
	if err != nil {
		return err
	}
	for i := 0; ; i++ {
		file, err := os.Create(filepath.Join(dir, fmt.Sprintf("%06d", i)))
		if err != nil {
			return err
		}
		if _, err := file.Write(content(i)); err != nil {
			return err
		}
		if sync {
			if err := file.Sync(); err != nil {
				return err
			}
			if err := names.Sync(); err != nil {
				return err
			}
		}
		if err := file.Close(); err != nil {
			return err
		}
		if _, err := fmt.Fprintln(said, i); err != nil {
			return err
		}
	}
}

// content of a file is its number all over.
func content(i int) []byte { return []byte(strings.Repeat(fmt.Sprintf("%07d\n", i), 512)) }

// writer is writeForEver in a process of its own.
type writer struct {
	t     *testing.T
	dir   string
	cmd   *exec.Cmd
	lines *bufio.Scanner
	// last is the number of the newest file that it said it had written.
	last int
}

// catchUp waits for a file that was begun after the call: what the writer has said
// before may still be in the pipe.
func (w *writer) catchUp() {
	w.t.Helper()
	w.reaches(files(w.t, w.dir) + 1)
}

func startWriter(t *testing.T, dir string, sync bool) *writer {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	w := &writer{t: t, dir: dir, cmd: exec.Command(self), last: -1}
	w.cmd.Env = append(os.Environ(), writerEnv+"="+dir)
	if sync {
		w.cmd.Env = append(w.cmd.Env, syncEnv+"=1")
	}
	pipe, err := w.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	w.lines = bufio.NewScanner(pipe)
	if err := w.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.kill)
	return w
}

// reaches waits until the writer has written so many files.
func (w *writer) reaches(n int) {
	w.t.Helper()
	for w.last < n-1 {
		if !w.hears() {
			w.t.Fatalf("the writer ended after %d files: %s", w.last+1, w.lines.Text())
		}
	}
}

func (w *writer) hears() bool {
	if !w.lines.Scan() {
		return false
	}
	n, err := fmt.Sscanf(w.lines.Text(), "%d", &w.last)
	return n == 1 && err == nil
}

// kill ends the writer and takes note of what it had still said.
func (w *writer) kill() {
	_ = w.cmd.Process.Kill() // it may have ended
	for w.hears() {
	}
	_ = w.cmd.Wait()
}

// makeDisk makes a disk for a test.
func makeDisk(t *testing.T, bytes int64) *Disk {
	t.Helper()
	if err := Supported(); err != nil {
		t.Skip(err)
	}
	d, err := Make(filepath.Join(t.TempDir(), "disk"), bytes)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	})
	return d
}

// ok fails the test on an error.
func ok(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
