package entry

import (
	"google.golang.org/protobuf/reflect/protoreflect"

	logv1 "github.com/conclavehq/conclave/proto/gen/conclave/log/v1"
)

// Format is the newest format of commands that this program knows. It goes up by
// one in each release that adds a command, or a field to one. Every node tells
// the others its own, and a leader logs nothing that the oldest of them does not
// know (promise S4).
const Format = 1

// since has the format that brought a command, by its number in Command.body.
// Commands that are not here are of format 1.
var since = map[protoreflect.FieldNumber]uint32{}

// FormatOf is the format that a replica must know to apply a command.
func FormatOf(command *logv1.Command) uint32 {
	if len(since) == 0 {
		return 1
	}
	m := command.ProtoReflect()
	body := m.WhichOneof(m.Descriptor().Oneofs().ByName("body"))
	if body == nil {
		return 1
	}
	return max(1, since[body.Number()])
}
