package snapshot

import (
	"io"
	"time"
)

// pacedWriter keeps a snapshot from taking the network and the disk away from
// everything else.
type pacedWriter struct {
	out     io.Writer
	rate    int64
	stop    <-chan struct{}
	stopped error
	start   time.Time
	sent    int64
}

// Paced returns a writer that passes on rate bytes per second at most (0: no
// limit), and fails with the error stopped once the channel stop is closed.
func Paced(out io.Writer, rate int64, stop <-chan struct{}, stopped error) io.Writer {
	return &pacedWriter{out: out, rate: rate, stop: stop, stopped: stopped, start: time.Now()}
}

// Write waits until the bytes before these are due, and writes.
func (w *pacedWriter) Write(data []byte) (int, error) {
	if w.rate > 0 {
		due := time.Duration(float64(w.sent) / float64(w.rate) * float64(time.Second))
		if ahead := due - time.Since(w.start); ahead > 0 {
			timer := time.NewTimer(ahead)
			defer timer.Stop()
			select {
			case <-timer.C:
			case <-w.stop:
			}
		}
	}
	select {
	case <-w.stop:
		return 0, w.stopped
	default:
	}
	w.sent += int64(len(data))
	return w.out.Write(data)
}
