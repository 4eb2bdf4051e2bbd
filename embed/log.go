package embed

import (
	"context"
	"encoding/json"
	"log/slog"
	"maps"
	"slices"

	"github.com/rs/zerolog"
)

// slogWriter turns the node's JSON lines into records of the program's logger.
type slogWriter struct {
	to *slog.Logger
}

// Write logs a line without a level.
func (w slogWriter) Write(line []byte) (int, error) {
	return w.WriteLevel(zerolog.InfoLevel, line)
}

// WriteLevel logs a line.
func (w slogWriter) WriteLevel(level zerolog.Level, line []byte) (int, error) {
	fields := map[string]any{}
	if err := json.Unmarshal(line, &fields); err != nil {
		fields = map[string]any{zerolog.MessageFieldName: string(line)}
	}
	message, _ := fields[zerolog.MessageFieldName].(string)
	delete(fields, zerolog.MessageFieldName)
	delete(fields, zerolog.LevelFieldName)
	attrs := make([]slog.Attr, 0, len(fields))
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		attrs = append(attrs, slog.Any(name, fields[name]))
	}
	w.to.LogAttrs(context.Background(), slogLevel(level), message, attrs...)
	return len(line), nil
}

func slogLevel(level zerolog.Level) slog.Level {
	switch {
	case level >= zerolog.ErrorLevel:
		return slog.LevelError
	case level == zerolog.WarnLevel:
		return slog.LevelWarn
	case level == zerolog.DebugLevel:
		return slog.LevelDebug
	default:
		return slog.LevelInfo
	}
}
