package cluster

import (
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	dblogger "github.com/lni/dragonboat/v4/logger"
	"github.com/rs/zerolog"
)

// Dragonboat has one logger factory per process, and it can be set only once.
// So the factory stays and what it logs to is replaced: the node started last
// gets the lines.
var (
	engineLog     atomic.Pointer[zerolog.Logger]
	engineErrors  atomic.Pointer[zerolog.Logger] // a peer that is down is said often enough
	engineFactory sync.Once
	engineFault   atomic.Pointer[string]
)

func setEngineLog(log zerolog.Logger) {
	engineLog.Store(&log)
	quiet := log.Sample(&zerolog.BurstSampler{Burst: 5, Period: 10 * time.Second})
	engineErrors.Store(&quiet)
	engineFactory.Do(func() {
		dblogger.SetLoggerFactory(func(name string) dblogger.ILogger { return engineLogger(name) })
	})
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

// Panicf must panic: the engine relies on not getting any further, and would
// damage its data otherwise.
func (l engineLogger) Panicf(format string, args ...any) {
	said := fmt.Sprintf(format, args...)
	engineFault.Store(&said)
	engineLog.Load().Error().Str("engine", string(l)).Msg(said)
	panic(said)
}
