//go:build !linux

package measure

import "os"

func dataSync(f *os.File) error { return f.Sync() }

// InMemory reports whether a directory is not on a disk at all; only Linux tells.
func InMemory(string) bool { return false }
