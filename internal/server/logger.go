package server

import (
	"io"
	"os"
	"time"

	"github.com/rs/zerolog"

	"github.com/conclavehq/conclave/internal/config"
)

// NewLogger makes the node's logger: JSON lines, or text for a terminal.
func NewLogger(settings config.Server, out io.Writer) zerolog.Logger {
	zerolog.TimeFieldFormat = time.RFC3339Nano
	if settings.LogFormat == "console" || settings.LogFormat == "auto" && isTerminal(out) {
		out = zerolog.ConsoleWriter{Out: out, TimeFormat: "15:04:05.000"}
	}
	level, err := zerolog.ParseLevel(settings.LogLevel)
	if err != nil {
		level = zerolog.InfoLevel
	}
	return zerolog.New(out).Level(level).With().Timestamp().Str("node", settings.Name).Logger()
}

func isTerminal(out io.Writer) bool {
	file, ok := out.(*os.File)
	if !ok {
		return false
	}
	info, err := file.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}
