//go:build linux

package disk

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Injection says what is to happen to system calls of one process.
type Injection struct {
	// Calls are the names of system calls, as strace and the kernel spell them for
	// amd64. Go's File.Write is write, WriteAt pwrite64, ReadAt pread64, Sync fsync;
	// Pebble syncs its logs by fdatasync.
	//
	// Calls that only files have are hit on whatever file. Those that sockets have
	// too (write, read, writev, readv) are hit on the files below the disk that the
	// process has open when the injection begins, and openat on the paths that are
	// there by then, given in full; a file that is made later is not hit.
	Calls []string
	// Errno is what the call fails with instead of being done; 0 lets it be done.
	Errno unix.Errno
	// Lie has the call succeed without being done: with fsync and fdatasync, a drive
	// that lies about its flushes. It excludes Errno. For calls that return nothing
	// but success.
	Lie bool
	// Delay is how long the call takes in addition, before it is done.
	Delay time.Duration
	// When selects calls as strace does: "3" the third only, "3+" from the third
	// on, "1+2" each second one; empty all. strace counts per thread and not per
	// process, and a Go program makes its calls from any thread.
	When string
}

// onFiles tells of each call that can be injected whether only files have it.
var onFiles = map[string]bool{
	"fsync": true, "fdatasync": true, "sync_file_range": true, "pwrite64": true, "pread64": true,
	"ftruncate": true, "fallocate": true, "renameat": true, "unlinkat": true,
	"write": false, "writev": false, "read": false, "readv": false, "openat": false,
}

// Errors has calls of a process fail, until the injector is stopped. For example
// Errors(pid, "fdatasync", unix.EIO, "") is a drive that cannot flush.
func (d *Disk) Errors(pid int, call string, errno unix.Errno, when string) (*Injector, error) {
	return d.Inject(pid, Injection{Calls: []string{call}, Errno: errno, When: when})
}

// Delay has each fsync and fdatasync of a process take longer, until the injector
// is stopped.
func (d *Disk) Delay(pid int, by time.Duration) (*Injector, error) {
	return d.Inject(pid, Injection{Calls: []string{"fsync", "fdatasync"}, Delay: by})
}

// Inject begins an injection and returns once all threads are subject to it. While
// it lasts, every system call of the process takes some microseconds more, whether
// it is hit or not, because strace sees them all.
func (d *Disk) Inject(pid int, in Injection) (*Injector, error) {
	args, err := in.arguments()
	if err != nil {
		return nil, err
	}
	paths, err := d.subjects(pid, in.Calls)
	if err != nil {
		return nil, err
	}
	for _, path := range paths {
		args = append(args, "-P", path)
	}
	return trace(pid, args)
}

// arguments are those of strace, without paths.
func (in Injection) arguments() ([]string, error) {
	for _, call := range in.Calls {
		if _, ok := onFiles[call]; !ok {
			return nil, fmt.Errorf("disk: cannot inject into %q", call)
		}
	}
	if len(in.Calls) == 0 || in.Errno == 0 && in.Delay <= 0 && !in.Lie || in.Errno != 0 && in.Lie {
		return nil, errors.New("disk: an injection needs calls, and an error, a lie or a delay")
	}
	calls := strings.Join(in.Calls, ",")
	inject := "inject=" + calls
	if in.Errno != 0 {
		name := unix.ErrnoName(in.Errno)
		if name == "" {
			return nil, fmt.Errorf("disk: there is no error number %d", int(in.Errno))
		}
		inject += ":error=" + name
	}
	if in.Lie {
		inject += ":retval=0"
	}
	if in.Delay > 0 {
		inject += ":delay_enter=" + strconv.FormatInt(in.Delay.Microseconds(), 10)
	}
	if in.When != "" {
		inject += ":when=" + in.When
	}
	return []string{"-e", "trace=" + calls, "-e", inject}, nil
}

// subjects are the paths to which the calls are limited; none if to no path.
func (d *Disk) subjects(pid int, calls []string) ([]string, error) {
	if !slices.ContainsFunc(calls, func(call string) bool { return !onFiles[call] }) {
		return nil, nil
	}
	var paths []string
	var err error
	if slices.Contains(calls, "openat") {
		paths, err = d.names()
	} else {
		paths, err = d.open(pid)
	}
	if err == nil && len(paths) == 0 {
		// Without a path strace would hit sockets as well.
		err = fmt.Errorf("disk: process %d has no file on the disk open", pid)
	}
	return paths, err
}

// names lists all that is on the disk.
func (d *Disk) names() ([]string, error) {
	var paths []string
	err := filepath.WalkDir(d.path, func(path string, _ fs.DirEntry, err error) error {
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		paths = append(paths, path)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("disk: %w", err)
	}
	return paths, nil
}

// open lists the files on the disk that a process has open.
func (d *Disk) open(pid int) ([]string, error) {
	links, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", pid))
	if err != nil {
		return nil, fmt.Errorf("disk: %w", err)
	}
	var paths []string
	for _, link := range links {
		path, err := os.Readlink(fmt.Sprintf("/proc/%d/fd/%s", pid, link.Name()))
		if err == nil && strings.HasPrefix(path, d.path+"/") {
			paths = append(paths, path)
		}
	}
	slices.Sort(paths)
	return slices.Compact(paths), nil
}
