//go:build linux

package rig

import (
	"io"

	"github.com/conclavehq/conclave/test/faults/rig/link"
)

// Config of a Cluster.
type Config struct {
	// Binary is the path of the conclave program.
	Binary string
	// Dir is where data and logs go. It is made, and left when the cluster is
	// closed.
	Dir string
	// Nodes is how many there are.
	Nodes int
	// Flags are given to `conclave server` besides those that make the cluster, and
	// win over them.
	Flags []string
	// Env is added to the environment of the nodes.
	Env []string
	// Disks puts the data of each node on a file system of its own of DiskBytes.
	Disks     bool
	DiskBytes int64
	// Seed decides which packets the network loses, repeats and so on.
	Seed uint64
	// Log gets a line for everything that is done to a node. nil is nobody.
	Log io.Writer
}

// Enter moves the program into namespaces of its own; see [link.Enter].
func Enter() { link.Enter() }

// Entered tells, before Enter, whether the program was moved there and begins again.
func Entered() bool { return link.Entered() }
