package server

import (
	stdlog "log"
	"strings"
	"time"

	"github.com/rs/zerolog"
)

// seldom is a log for what may happen many times a second.
func seldom(log zerolog.Logger) zerolog.Logger {
	return log.Sample(&zerolog.BurstSampler{Burst: 1, Period: 10 * time.Second})
}

// httpLog is where an HTTP server says what it met. What it repeats becomes a
// sentence now and then.
func httpLog(log zerolog.Logger) *stdlog.Logger {
	return stdlog.New(httpLines{log: log, seldom: seldom(log)}, "", 0)
}

type httpLines struct{ log, seldom zerolog.Logger }

// Write takes one line.
func (h httpLines) Write(line []byte) (int, error) {
	text := strings.TrimSpace(string(line))
	if why, ok := strings.CutPrefix(text, "http: Accept error: "); ok {
		why, _, _ = strings.Cut(why, "; retrying in")
		if _, short, ok := strings.Cut(why, "accept4: "); ok {
			why = short
		}
		h.seldom.Error().Str("reason", why).Msg("no new connection can be accepted; those that there are go on, and it is tried again")
		return len(line), nil
	}
	h.log.Warn().Msg(text)
	return len(line), nil
}
