package snapshot

import "io"

// stoppableWriter ends a snapshot that nobody wants any more between two blocks.
type stoppableWriter struct {
	out     io.Writer
	stop    <-chan struct{}
	stopped error
}

// Stoppable returns a writer that fails with the error stopped once the channel
// stop is closed. How fast a snapshot may go is up to who sends it
// (cluster.Config.SnapshotBytesPerSecond).
func Stoppable(out io.Writer, stop <-chan struct{}, stopped error) io.Writer {
	return &stoppableWriter{out: out, stop: stop, stopped: stopped}
}

// Write passes the data on.
func (w *stoppableWriter) Write(data []byte) (int, error) {
	select {
	case <-w.stop:
		return 0, w.stopped
	default:
		return w.out.Write(data)
	}
}
