package cluster

import (
	"fmt"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	dblogger "github.com/lni/dragonboat/v4/logger"
	"github.com/rs/zerolog"

	"github.com/conclavehq/conclave/cluster/logfile"
	_ "github.com/conclavehq/conclave/internal/enginesettings" // before Dragonboat
)

// Dragonboat has one logger factory per process, and it can be set only once.
// So the factory stays and what it logs to is replaced: the node started last
// gets the lines.
var (
	engineLog     atomic.Pointer[zerolog.Logger]
	engineErrors  atomic.Pointer[zerolog.Logger] // a peer that is down is said often enough
	engineFactory sync.Once
	engineFault   atomic.Pointer[string]
	engineWrite   atomic.Pointer[error] // the write to the log that failed last
)

func setEngineLog(log zerolog.Logger) {
	engineLog.Store(&log)
	quiet := log.Sample(&zerolog.BurstSampler{Burst: 5, Period: 10 * time.Second})
	engineErrors.Store(&quiet)
	engineFactory.Do(func() {
		dblogger.SetLoggerFactory(func(name string) dblogger.ILogger { return engineLogger(name) })
		logfile.OnFailure(func(err error) {
			engineWrite.Store(&err)
			engineLogger("logdb").Panicf("%v", err)
		})
	})
}

// whyUnopened is why the Raft log in a directory does not open, although no error says
// so: either it could not be written, or what the engine made of its files is fault.
func whyUnopened(dir, fault string) error {
	if failed := engineWrite.Load(); failed != nil {
		return fmt.Errorf("the Raft log in %s cannot be written: %w", dir, *failed)
	}
	return fmt.Errorf("the Raft log in %s is damaged: %s", dir, fault)
}

// fault is what the engine panicked for last.
func fault() string {
	if said := engineFault.Load(); said != nil {
		return *said
	}
	return "one of its files does not have the content that was written"
}

// engineLogger is Dragonboat's logger of one of its packages. Its levels are
// one or two steps louder than what they mean to an operator.
type engineLogger string

var _ dblogger.ILogger = engineLogger("")

// SetLevel does nothing: the level of the node's logger counts.
func (engineLogger) SetLevel(dblogger.LogLevel) {}

// Debugf drops what is of use only to Dragonboat's authors.
func (engineLogger) Debugf(string, ...any) {}

// Infof logs what the engine does in its normal life.
func (l engineLogger) Infof(format string, args ...any) {
	engineLog.Load().Trace().Str("engine", string(l)).Msgf(format, args...)
}

// Warningf logs what happens at every election.
func (l engineLogger) Warningf(format string, args ...any) {
	engineLog.Load().Debug().Str("engine", string(l)).Msgf(format, args...)
}

// Errorf logs what the engine recovers from by itself.
func (l engineLogger) Errorf(format string, args ...any) {
	engineErrors.Load().Warn().Str("engine", string(l)).Msgf(format, args...)
}

// Panicf must not return: the engine relies on not getting any further, and would
// damage its data otherwise. While the Raft log is opened somebody waits for the
// panic, to tell what is wrong. Later nobody does, so the process ends with a
// sentence instead of all its stacks (promise S3); a program that embeds the node
// without a log would not see that, and gets the panic.
func (l engineLogger) Panicf(format string, args ...any) {
	said, _, _ := strings.Cut(fmt.Sprintf(format, args...), "\n") // without the engine's own stack
	engineFault.Store(&said)
	log := engineLog.Load()
	if log.GetLevel() == zerolog.Disabled || opensRaft() {
		log.Error().Str("engine", string(l)).Msg(said)
		panic(said)
	}
	if failed := engineWrite.Load(); failed != nil {
		log.Fatal().Str("engine", string(l)).Msgf("the Raft log cannot be written: %v; the process ends", *failed)
	}
	log.Fatal().Str("engine", string(l)).Msgf("the Raft log on disk cannot be relied on: %s; the process ends", said)
}

// opensRaft says whether this goroutine is inside openRaft, which recovers.
func opensRaft() bool {
	pcs := make([]uintptr, 128)
	frames := runtime.CallersFrames(pcs[:runtime.Callers(2, pcs)])
	for {
		frame, more := frames.Next()
		if strings.HasSuffix(frame.Function, ".(*Cluster).openRaft") {
			return true
		}
		if !more {
			return false
		}
	}
}
