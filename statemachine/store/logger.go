package store

import (
	"errors"
	"fmt"
	"strings"
	"sync/atomic"

	"github.com/cockroachdb/pebble/v2"
	"github.com/rs/zerolog"
)

// logger passes on Pebble's messages and ends the process when Pebble says
// that it cannot go on.
type logger struct {
	log   zerolog.Logger
	fatal func(string)
	// manifestMoved is set when files may have joined or left the DB.
	manifestMoved atomic.Bool
}

var _ pebble.Logger = (*logger)(nil)

// Infof drops its message to the debug level: Pebble reports each flush.
func (l *logger) Infof(format string, args ...any) {
	if event := l.log.Debug(); event.Enabled() {
		event.Msgf(format, args...)
	}
}

// Errorf logs an error that Pebble can live with.
func (l *logger) Errorf(format string, args ...any) { l.log.Error().Msgf(format, args...) }

// Fatalf ends the process. Pebble relies on it not to return: after a failed
// write its state in memory is ahead of the disk.
func (l *logger) Fatalf(format string, args ...any) {
	reason, _, _ := strings.Cut(fmt.Sprintf(format, args...), "\n") // without Pebble's stacks
	if l.fatal != nil {
		l.fatal(reason)
	}
	panic("store: " + reason)
}

// listener reports failures of background work. Pebble would retry a failed
// flush for ever; promise S3 says that no failed write is retried.
func (l *logger) listener() *pebble.EventListener {
	listener := &pebble.EventListener{
		BackgroundError: func(err error) {
			if errors.Is(err, pebble.ErrCancelledCompaction) || errors.Is(err, pebble.ErrClosed) {
				return
			}
			l.Fatalf("background write: %v", err)
		},
		DataCorruption:  func(info pebble.DataCorruptionInfo) { l.Fatalf("damaged data: %s", info) },
		DiskSlow:        func(info pebble.DiskSlowInfo) { l.log.Warn().Msgf("slow disk: %s", info) },
		FlushEnd:        func(pebble.FlushInfo) { l.manifestMoved.Store(true) },
		CompactionEnd:   func(pebble.CompactionInfo) { l.manifestMoved.Store(true) },
		ManifestCreated: func(pebble.ManifestCreateInfo) { l.manifestMoved.Store(true) },
		WriteStallBegin: func(info pebble.WriteStallBeginInfo) {
			l.log.Warn().Msgf("writes wait: %s", info.Reason)
		},
		WriteStallEnd: func() { l.log.Info().Msg("writes go on") },
	}
	listener.EnsureDefaults(nil)
	return listener
}
