package system

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// stopWithin is how long a server may take to end before it is killed.
const stopWithin = 30 * time.Second

// process is one server.
type process struct {
	name    string
	cmd     *exec.Cmd
	log     string
	ended   chan struct{} // closed when it has
	failure error         // how; to be read when ended is closed
}

// launch starts a server. What it says goes into a file.
func launch(name, log, program string, args ...string) (*process, error) {
	out, err := os.OpenFile(log, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return nil, err
	}
	defer out.Close()
	cmd := exec.Command(program, args...)
	cmd.Stdout, cmd.Stderr = out, out
	cmd.Dir = filepath.Dir(log)
	cmd.Env = environment()
	endWithParent(cmd)
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	p := &process{name: name, cmd: cmd, log: log, ended: make(chan struct{})}
	go func() {
		p.failure = cmd.Wait()
		close(p.ended)
	}()
	return p, nil
}

// environment leaves out what would change the settings of one of the servers.
func environment() []string {
	var kept []string
	for _, entry := range os.Environ() {
		if !strings.HasPrefix(entry, "ETCD_") && !strings.HasPrefix(entry, "CONCLAVE_") {
			kept = append(kept, entry)
		}
	}
	return kept
}

func (p *process) terminate() { _ = p.cmd.Process.Signal(syscall.SIGTERM) }

// wait returns when the process has ended, by force if need be.
func (p *process) wait() error {
	timer := time.NewTimer(stopWithin)
	defer timer.Stop()
	select {
	case <-p.ended:
		var exit *exec.ExitError
		if errors.As(p.failure, &exit) && !exit.Exited() && exit.Sys().(syscall.WaitStatus).Signal() == syscall.SIGTERM {
			return nil // etcd ends by the signal itself
		}
		if p.failure != nil {
			return fmt.Errorf("%s: %w: %s", p.name, p.failure, p.lastWords())
		}
		return nil
	case <-timer.C:
		_ = p.cmd.Process.Kill()
		<-p.ended
		return fmt.Errorf("%s did not stop within %s and was killed", p.name, stopWithin)
	}
}

// lastWords is the end of what the process said.
func (p *process) lastWords() string {
	text, err := os.ReadFile(p.log)
	if err != nil {
		return err.Error()
	}
	const most = 2000
	return strings.TrimSpace(string(text[max(0, len(text)-most):]))
}
