//go:build !unix

package cluster

import "os"

// lockFile leaves it to Dragonboat to lock its own part of the directory.
func lockFile(*os.File) error { return nil }
