//go:build unix

package server

import (
	"math"
	"syscall"
)

// descriptors is how many files and connections the process may have open.
func descriptors() int64 {
	var files syscall.Rlimit
	if syscall.Getrlimit(syscall.RLIMIT_NOFILE, &files) != nil || uint64(files.Cur) > math.MaxInt32 {
		return math.MaxInt32
	}
	return int64(files.Cur)
}
