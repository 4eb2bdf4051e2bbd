package cluster

import "syscall"

// diskRoom is how many bytes of a directory's file system this process may still
// fill, and how many it has in all.
func diskRoom(dir string) (free, total int64, err error) {
	var fs syscall.Statfs_t
	if err := syscall.Statfs(dir, &fs); err != nil {
		return 0, 0, err
	}
	return int64(fs.Bavail) * fs.Bsize, int64(fs.Blocks) * fs.Bsize, nil
}
