package entry

import (
	logv1 "github.com/conclavehq/conclave/proto/gen/conclave/log/v1"
)

// Format is the newest format of commands that this program knows. It goes up by
// one in each release that adds a command, or a field to one. Every node tells
// the others its own, and a leader logs nothing that the oldest of them does not
// know (promise S4).
const Format = 2

// FormatOf is the format that a replica must know to apply a command: the one that
// brought it. It is asked for each command, so it looks at the type alone.
func FormatOf(command *logv1.Command) uint32 {
	switch command.GetBody().(type) {
	case *logv1.Command_ImportKeys:
		return 2
	default:
		return 1
	}
}
