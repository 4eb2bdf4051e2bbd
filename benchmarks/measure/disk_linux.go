package measure

import (
	"os"
	"syscall"
)

func dataSync(f *os.File) error { return syscall.Fdatasync(int(f.Fd())) }

// tmpfs is the magic number of the file system that lives in memory.
const tmpfs = 0x01021994

// InMemory reports whether a directory is not on a disk at all.
func InMemory(dir string) bool {
	var fs syscall.Statfs_t
	return syscall.Statfs(dir, &fs) == nil && fs.Type == tmpfs
}
