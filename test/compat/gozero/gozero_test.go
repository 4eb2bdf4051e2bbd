package gozero

import (
	"bufio"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/conclavehq/conclave/test/compat/rig"
	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"
)

const (
	service = "user.rpc"
	program = rig.Program("github.com/conclavehq/conclave/test/compat/gozero/program")
)

// process is a running program that uses go-zero.
type process struct {
	t      *testing.T
	cmd    *exec.Cmd
	input  io.Closer
	lines  chan string // closed when it has ended
	exited chan struct{}
}

func start(t *testing.T, args ...string) *process {
	t.Helper()
	p := &process{t: t, cmd: exec.Command(program.PathIn(t, "program"), args...), lines: make(chan string), exited: make(chan struct{})}
	p.cmd.Env, p.cmd.Stderr = rig.Environment(), os.Stderr
	input, err := p.cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	p.input = input
	output, err := p.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go p.follow(output)
	t.Cleanup(p.kill)
	return p
}

func (p *process) follow(output io.Reader) {
	defer close(p.exited)
	for scanner := bufio.NewScanner(output); scanner.Scan(); {
		select {
		case p.lines <- scanner.Text():
		case <-p.t.Context().Done():
		}
	}
	_ = p.cmd.Wait()
	close(p.lines)
}

// kill ends the program at once.
func (p *process) kill() {
	_ = p.cmd.Process.Kill() // it may have ended
	<-p.exited
}

// says waits for a line.
func (p *process) says(want string) {
	p.t.Helper()
	ctx, said := rig.Within(p.t, rig.Patience), []string(nil)
	for {
		select {
		case line, ok := <-p.lines:
			if !ok {
				p.t.Fatalf("it ended after %q, want %q", said, want)
			}
			if said = append(said, line); line == want {
				return
			}
		case <-ctx.Done():
			p.t.Fatalf("it said %q, want %q", said, want)
		}
	}
}

// Services come and go, die and come back, and so does the server; who subscribes
// hears of it.
func TestDiscovery(t *testing.T) {
	rig.Each(t, func(t *testing.T, kind rig.Program) {
		t.Parallel()
		server := rig.Start(t, kind, 1).Nodes[0]
		publish := func(endpoint, value string) *process {
			p := start(t, "publish", endpoint, service, value)
			p.says("published")
			return p
		}
		first := publish(server.Endpoint, "one")
		subscriber, other := start(t, "subscribe", server.Endpoint, service), start(t, "subscribe", server.Site, service)
		hear := func(values string) {
			t.Helper()
			subscriber.says(values)
			other.says(values)
		}
		hear("one")
		second := publish(server.Site, "two")
		hear("one two")

		second.kill() // its lease ends
		hear("one")
		revokeLeases(t, server.Endpoint) // it registers again
		hear("")
		hear("one")

		server.Restart()
		third := publish(server.Endpoint, "three")
		hear("one three")

		if err := first.input.Close(); err != nil { // it says good-bye
			t.Error(err)
		}
		hear("three")
		third.kill()
		hear("")
	})
}

// revokeLeases takes the leases of all services away.
func revokeLeases(t *testing.T, endpoint string) {
	t.Helper()
	ctx := rig.Within(t, rig.Patience)
	c, err := clientv3.New(clientv3.Config{Endpoints: []string{endpoint}, Logger: zap.NewNop()})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	services, err := c.Get(ctx, service+"/", clientv3.WithPrefix())
	if err != nil || services.Count == 0 || !strings.HasPrefix(string(services.Kvs[0].Key), service+"/") {
		t.Fatalf("services: %v, %v", services, err)
	}
	for _, kv := range services.Kvs {
		if _, err := c.Revoke(ctx, clientv3.LeaseID(kv.Lease)); err != nil {
			t.Fatal(err)
		}
	}
}
