package main

import (
	"context"
	"fmt"
	"os/user"
	"strings"
	"time"

	"github.com/spf13/cobra"

	conclave "github.com/conclavehq/conclave/sdk"
)

// sessionFlags are those of commands that hold something: for how long without
// a sign of life, and who they are to others.
type sessionFlags struct {
	ttl      time.Duration
	identity string
	purpose  string
}

func (f *sessionFlags) define(cmd *cobra.Command) {
	set := cmd.Flags()
	set.DurationVar(&f.ttl, "ttl", 10*time.Second, "what this process holds is free this long after it dies")
	f.defineCard(cmd)
}

func (f *sessionFlags) defineCard(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.identity, "identity", "", "who this is, shown to others (default: the user)")
	cmd.Flags().StringVar(&f.purpose, "purpose", "", "what it is for, shown to others")
}

func (f *sessionFlags) options() []conclave.SessionOption {
	identity := f.identity
	if identity == "" {
		if u, err := user.Current(); err == nil {
			identity = u.Username
		}
	}
	var options []conclave.SessionOption
	if identity != "" {
		options = append(options, conclave.WithIdentity(identity))
	}
	if f.purpose != "" {
		options = append(options, conclave.WithPurpose(f.purpose))
	}
	if f.ttl != 0 {
		options = append(options, conclave.WithTTL(f.ttl))
	}
	return options
}

// open makes a session. It lives on when ctx ends, so that a command that runs
// under it can be ended in order.
func (f *sessionFlags) open(ctx context.Context, a *app) (*conclave.Session, error) {
	if err := checkTTL("--ttl", f.ttl); err != nil {
		return nil, err
	}
	var s *conclave.Session
	err := a.call(ctx, func(ctx context.Context, c *conclave.Client) (err error) {
		s, err = c.NewSession(ctx, f.options()...)
		return err
	})
	return s, err
}

// farewell is how long giving things back may take at the end.
const farewell = 5 * time.Second

// closing gives a session back although ctx may be over.
func (a *app) closing(ctx context.Context, s *conclave.Session) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), farewell)
	defer cancel()
	if err := s.Close(ctx); err != nil {
		a.note("%s; what it held is free in %s", oneLine(reasonOf(err)), short(s.TTL()))
	}
}

// tenure is something held, and for whom: a mutex or a leadership.
type tenure struct {
	session *conclave.Session
	what    string // e.g. `mutex "invoice"`
	held    context.Context
	release func(context.Context) error
	env     []string
	command []string // nil: hold until interrupted
}

// keep holds it while the command runs, or until this program is interrupted,
// and then gives it back.
func (t tenure) keep(ctx context.Context, a *app) error {
	code := exitOK
	if t.command == nil {
		select {
		case <-ctx.Done():
		case <-t.held.Done():
		}
	} else {
		var err error
		command := child{argv: t.command, env: append(a.environment(), t.env...), in: a.in}
		if code, err = command.run(t.held, a); err != nil {
			return err
		}
	}
	if t.held.Err() != nil {
		cause := context.Cause(t.held)
		if t.session.Context().Err() != nil {
			cause = context.Cause(t.session.Context()) // says more
		}
		return lost(t.what+" was lost", cause)
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), farewell)
	defer cancel()
	if err := t.release(ctx); err != nil {
		a.note("%s; it is free %s after the service is back, at the latest", oneLine(reasonOf(err)), short(t.session.TTL()))
		t.session.Detach() // closing it would fail as well
	}
	if code != exitOK {
		return &exitError{code: code}
	}
	return nil
}

// environment points a command that uses conclave itself to the same place.
func (a *app) environment() []string {
	env := []string{"CONCLAVE_ENDPOINTS=" + strings.Join(a.endpoints, ",")}
	if a.namespace != "" {
		env = append(env, "CONCLAVE_NAMESPACE="+a.namespace)
	}
	return env
}

// waitFlag is --wait of a command that stands in line: absent is for as long as
// it takes, 0 is not at all.
type waitFlag struct {
	given bool
	bound time.Duration
}

func (w *waitFlag) define(cmd *cobra.Command) {
	cmd.Flags().DurationVar(&w.bound, "wait", 0, "how long to wait in line; 0 for not at all (default: as long as it takes)")
}

func (w *waitFlag) read(cmd *cobra.Command) error {
	w.given = cmd.Flags().Changed("wait")
	if w.bound < 0 {
		return misused("--wait %s: give 0 (do not wait) or more", w.bound)
	}
	return nil
}

// inLine refuses a bound that the service does not have for places in line.
func (w *waitFlag) inLine() error {
	if w.bound > maxWait {
		return misused("--wait %s: give at most %s, or leave it out to wait for as long as it takes", short(w.bound), short(maxWait))
	}
	return nil
}

// over is the error of a wait that reached its bound.
func (w *waitFlag) over(what string, holder *conclave.Card) error {
	text := fmt.Sprintf("%s is still taken after %s", what, short(w.bound))
	if w.bound == 0 {
		text = what + " is taken"
	}
	if holder != nil {
		text += ": held by " + holder.String()
	}
	return &exitError{exitFailed, text + "; give a longer --wait to stand in line"}
}
