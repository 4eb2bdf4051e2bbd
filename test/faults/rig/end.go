//go:build linux

package rig

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"os"
	"slices"
	"syscall"
	"time"
)

// End is the end of a process that the harness did not ask for.
type End struct {
	// Node is its name.
	Node string
	// At is when the process was reaped.
	At time.Time
	// State is how it ended, as "exit status 2".
	State string
	// Killed: by a SIGKILL that the harness did not send. It comes from the kernel
	// when memory is short.
	Killed bool
	// Panicked: the log has a panic, a fatal error or a dump of goroutines.
	Panicked bool
	// Explained: the log of this life has a sentence that says why it ends.
	Explained bool
	// Said is the line of its log that tells most: the first of the panic, or that
	// sentence, or without either the last; "" when it logged nothing.
	Said string
}

// Ends are those that the harness did not ask for, with Kill, Terminate or Doom, in
// all lives of all nodes until now, in the order of time.
func (c *Cluster) Ends() []End {
	c.endings.Lock()
	defer c.endings.Unlock()
	return slices.Clone(c.ends)
}

// Doom lets the process end by itself before it is killed, since the harness is about
// to take from it what it cannot do without. It holds for this life.
func (n *Node) Doom() {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.life != nil {
		n.life.doomed = true
	}
}

// reaped notes the end of a life unless the harness has asked for it. A process that
// was killed a moment after it had ended by itself shows it by its state.
func (n *Node) reaped(l *life) {
	n.mu.Lock()
	asked, doomed := l.asked, l.doomed
	n.mu.Unlock()
	status, _ := l.cmd.ProcessState.Sys().(syscall.WaitStatus)
	killed := status.Signaled() && status.Signal() == syscall.SIGKILL
	if doomed || asked == syscall.SIGTERM || asked == syscall.SIGKILL && killed {
		return
	}
	end := End{Node: n.name, At: time.Now(), State: l.cmd.ProcessState.String(), Killed: killed}
	n.lastWords(l.logged, &end)
	n.cluster.endings.Lock()
	defer n.cluster.endings.Unlock()
	n.cluster.ends = append(n.cluster.ends, end)
}

// Panics are the lines of the node's log that begin a panic or a fatal error of Go, at
// most so many. A handler whose panic was caught is among them.
func (n *Node) Panics(most int) (found []string, err error) {
	err = n.eachLine(0, func(line []byte) bool {
		if panics(line) {
			found = append(found, shorten(line))
		}
		return len(found) < most
	})
	return found, err
}

// lastWords puts into an end what the log, from an offset on, says of it.
func (n *Node) lastWords(from int64, end *End) {
	_ = n.eachLine(from, func(line []byte) bool { // without a log it said nothing
		explains := bytes.HasPrefix(line, []byte("conclave: ")) || bytes.Contains(line, []byte(`"level":"fatal"`))
		end.Panicked = panics(line) || bytes.HasPrefix(line, []byte("goroutine "))
		end.Explained = end.Explained || explains
		if end.Panicked || explains || len(line) > 0 && !end.Explained {
			end.Said = shorten(line)
		}
		return !end.Panicked
	})
}

// panics tells whether a line is the first of a panic or a fatal error.
func panics(line []byte) bool {
	for _, mark := range []string{"panic:", "panic serving", "fatal error:"} {
		if bytes.Contains(line, []byte(mark)) {
			return true
		}
	}
	return false
}

// shorten is a line for people.
func shorten(line []byte) string {
	const most = 500
	return string(line[:min(len(line), most)])
}

// eachLine hands out the lines of the log from an offset on, without their ends,
// until do returns false. Of a line that is longer than 64 KiB it is the beginning.
func (n *Node) eachLine(from int64, do func([]byte) bool) error {
	file, err := os.Open(n.logPath)
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }()
	if _, err = file.Seek(from, io.SeekStart); err != nil {
		return err
	}
	lines := bufio.NewReaderSize(file, 64<<10)
	for {
		line, rest, err := lines.ReadLine()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil || !do(line) {
			return err
		}
		for rest && err == nil {
			_, rest, err = lines.ReadLine()
		}
	}
}
