// Package enginesettings keeps a program from running with a Raft engine that a file
// changed in silence.
//
// Dragonboat reads two files in the working directory while it is initialized, which is
// before main: numbers in them replace its settings without a word, and a malformed one
// ends the program with a panic. Settings of the log's format are among them. This
// package imports next to nothing, so that it is initialized before Dragonboat is, and
// ends the program when there is such a file.
package enginesettings

import (
	"fmt"
	"os"
)

// files are what Dragonboat looks for.
var files = []string{"dragonboat-hard-settings.json", "dragonboat-soft-settings.json"}

func init() {
	for _, name := range files {
		if _, err := os.Lstat(name); err == nil {
			fmt.Fprintf(os.Stderr, "conclave: %s in the working directory would change the Raft engine unseen; "+
				"move it away, or start in another directory\n", name)
			os.Exit(1)
		}
	}
}
