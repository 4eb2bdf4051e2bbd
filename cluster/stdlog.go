package cluster

import (
	"log"
	"os"
)

// A package that Dragonboat imports takes the standard logger over while it is
// initialized: it would change what a program that embeds a node prints with
// log.Printf. This runs after it and before the program's own code.
func init() {
	log.SetFlags(log.LstdFlags)
	log.SetOutput(os.Stderr)
}
