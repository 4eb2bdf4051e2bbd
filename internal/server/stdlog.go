package server

import (
	"io"
	"runtime"
	"strings"

	"github.com/rs/zerolog"
)

// StandardLog is an output for Go's standard logger, through which the store of
// the Raft log speaks. What it says becomes lines of the node's log. And what it
// says before it panics, because a write or an fsync failed, ends the process on
// the spot with that one sentence instead of all stacks (promise S3).
func StandardLog(log zerolog.Logger) io.Writer { return standardLog{log} }

type standardLog struct{ log zerolog.Logger }

func (s standardLog) Write(line []byte) (int, error) {
	text, _, _ := strings.Cut(strings.TrimSpace(string(line)), "\n")
	if panicFollows() {
		s.log.Fatal().Msgf("the Raft log cannot be relied on: %s; the process ends", text)
	}
	s.log.Warn().Msg(text)
	return len(line), nil
}

// panicFollows says whether the store of the Raft log is about to panic.
func panicFollows() bool {
	pcs := make([]uintptr, 64)
	frames := runtime.CallersFrames(pcs[:runtime.Callers(2, pcs)])
	for {
		frame, more := frames.Next()
		if strings.HasSuffix(frame.Function, "/kv/pebble.pebbleLogger.Fatalf") {
			return true
		}
		if !more {
			return false
		}
	}
}
