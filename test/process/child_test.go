package process

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	conclave "github.com/conclavehq/conclave/sdk"
)

// A child is this test binary run again as a client program, so that it can be
// stopped and killed like one. These variables tell it what to do.
const (
	childTask      = "CONCLAVE_CHILD_TASK"
	childName      = "CONCLAVE_CHILD_NAME"
	childEndpoints = "CONCLAVE_CHILD_ENDPOINTS"
	childTTL       = "CONCLAVE_CHILD_TTL"
)

// child is a client in a process of its own.
type child struct {
	t      testing.TB
	cmd    *exec.Cmd
	input  io.WriteCloser
	told   chan news // closed when the child has ended
	exited chan struct{}
}

// news is a line that a child prints.
type news struct {
	// Token is what it was granted.
	Token conclave.Token
	// Job is what it claimed.
	Job conclave.JobID
	// Over says that the context of the grant had ended when it looked.
	Over bool
	// Guarded and Returned are the reasons why a guarded write and the return
	// of the grant were refused; empty when they were not.
	Guarded, Returned string
	// Failed is why the child could not go on.
	Failed string
}

// startChild runs a task on something of that name: lock, lead or claim.
func startChild(t testing.TB, task, name string, ttl time.Duration, endpoints []string) *child {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	c := &child{t: t, cmd: exec.Command(self), told: make(chan news, 1), exited: make(chan struct{})}
	c.cmd.Env = append(environment(), childTask+"="+task, childName+"="+name,
		childEndpoints+"="+strings.Join(endpoints, ","), childTTL+"="+ttl.String())
	c.cmd.Stderr = os.Stderr
	if c.input, err = c.cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	output, err := c.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go c.follow(output)
	t.Cleanup(c.kill)
	return c
}

func (c *child) follow(output io.Reader) {
	defer close(c.exited)
	defer close(c.told)
	for lines := bufio.NewScanner(output); lines.Scan(); {
		var n news
		if err := json.Unmarshal(lines.Bytes(), &n); err != nil {
			n.Failed = lines.Text()
		}
		c.told <- n
	}
	_ = c.cmd.Wait()
}

// hears waits for what the child has to say.
func (c *child) hears() news {
	c.t.Helper()
	select {
	case n, ok := <-c.told:
		if !ok || n.Failed != "" {
			c.t.Fatalf("the child could not go on: %s", n.Failed)
		}
		return n
	case <-time.After(patience):
		c.t.Fatalf("the child said nothing for %v", patience)
	}
	return news{}
}

// actsWhenItWakes has a child that is stopped act as soon as it goes on, and
// returns what came of it.
func (c *child) actsWhenItWakes() news {
	c.t.Helper()
	if _, err := io.WriteString(c.input, "act\n"); err != nil {
		c.t.Fatal(err)
	}
	c.signal(syscall.SIGCONT)
	return c.hears()
}

func (c *child) pause() { c.t.Helper(); c.signal(syscall.SIGSTOP) }

// kill ends the child with SIGKILL, also while it is stopped.
func (c *child) kill() {
	_ = c.cmd.Process.Kill() // it may have ended
	<-c.exited
}

func (c *child) signal(signal syscall.Signal) {
	c.t.Helper()
	if err := c.cmd.Process.Signal(signal); err != nil {
		c.t.Fatal(err)
	}
}

// granted is what a child has got.
type granted struct {
	ctx   context.Context
	token conclave.Token
	job   conclave.JobID
	guard conclave.Guard
	// giveBack tells the service, whatever this process knows of it.
	giveBack func(context.Context) error
}

// beChild is the main function of a child. It returns the exit code.
func beChild() int {
	if err := clientProgram(os.Stdin, os.Stdout); err != nil {
		say(os.Stdout, news{Failed: err.Error()})
		return 1
	}
	return 0
}

func clientProgram(in io.Reader, out io.Writer) error {
	ttl, err := time.ParseDuration(os.Getenv(childTTL))
	if err != nil {
		return err
	}
	ctx := context.Background()
	client, err := conclave.Dial(ctx, strings.Split(os.Getenv(childEndpoints), ","))
	if err != nil {
		return err
	}
	session, err := client.NewSession(ctx, conclave.WithTTL(ttl), conclave.WithIdentity("child"))
	if err != nil {
		return err
	}
	name := os.Getenv(childName)
	got, err := obtain(ctx, os.Getenv(childTask), name, client, session)
	if err != nil {
		return err
	}
	say(out, news{Token: got.token, Job: got.job})
	for lines := bufio.NewScanner(in); lines.Scan(); {
		over := got.ctx.Err() != nil // first of all, before anything could be told
		_, guarded := client.Put(ctx, "guarded/"+name, "the child's", got.guard)
		say(out, news{Over: over, Guarded: reason(guarded), Returned: reason(got.giveBack(ctx))})
	}
	return nil
}

// obtain waits until the task's grant is there.
func obtain(ctx context.Context, task, name string, client *conclave.Client, session *conclave.Session) (granted, error) {
	switch task {
	case "lock":
		hold, err := session.Mutex(name).Lock(ctx)
		if err != nil {
			return granted{}, err
		}
		return granted{hold.Context(), hold.Token(), 0, hold.Guard(), func(ctx context.Context) error {
			return client.ReleaseMutex(ctx, name, hold.Token())
		}}, nil
	case "lead":
		term, err := session.Election(name).Campaign(ctx, "the child")
		if err != nil {
			return granted{}, err
		}
		return granted{term.Context(), term.Number(), 0, term.Guard(), func(ctx context.Context) error {
			return client.Election(name).Proclaim(ctx, term.Number(), "still the child")
		}}, nil
	case "claim":
		jobs, err := session.Queue(name).Claim(ctx, 1)
		if err != nil {
			return granted{}, err
		}
		job := jobs[0]
		return granted{job.Context(), job.Receipt, job.ID, job.Guard(), func(ctx context.Context) error {
			return client.Queue(name).Ack(ctx, job.ID, job.Receipt)
		}}, nil
	}
	return granted{}, fmt.Errorf("there is no task %q", task)
}

// reason is the stable reason of a refusal.
func reason(err error) string {
	var e *conclave.Error
	switch {
	case err == nil:
		return ""
	case errors.As(err, &e):
		return string(e.Reason)
	}
	return err.Error()
}

func say(out io.Writer, n news) {
	line, err := json.Marshal(n)
	if err != nil {
		panic(err)
	}
	_, _ = fmt.Fprintf(out, "%s\n", line) // without a reader there is nobody to tell
}
