package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	conclave "github.com/conclavehq/conclave/sdk"
)

const lockHelp = `Lock a mutex, waiting in line for it.

With a command, the mutex is held while the command runs; the exit code is the
command's. The command is given

  CONCLAVE_LOCK    the name of the mutex
  CONCLAVE_TOKEN   the fencing token: greater than that of every hold before

and CONCLAVE_ENDPOINTS and CONCLAVE_NAMESPACE as this command has them, so that
it can write with "conclave put --hold mutex:$CONCLAVE_LOCK:$CONCLAVE_TOKEN".
When the lock is lost (the service did not hear from us within the TTL, or an
administrator broke it), the command gets SIGTERM, after 5 s SIGKILL, and the
exit code is 4.

When this program itself is killed (SIGKILL), Linux kills the command with it. What
the command has started goes on, and on other systems so does the command; only
its guarded writes are refused then, from when somebody else holds it.

Without a command it prints the token and holds the mutex until it is
interrupted (Ctrl-C or SIGTERM).`

const lockExample = `  conclave lock invoice/42 -- ./send-invoice 42
  conclave lock nightly --wait 0 -- ./report    # at most one at a time; exit code 1 if it runs
  conclave lock cleanup --ttl 30s --purpose "old uploads" -- ./cleanup
  conclave lock maintenance                     # hold it by hand`

func newLockCommand(a *app) *cobra.Command {
	var (
		session sessionFlags
		wait    waitFlag
		delay   time.Duration
	)
	cmd := &cobra.Command{
		Use:               "lock NAME [-- COMMAND...]",
		Short:             "Hold a mutex, alone or while a command runs",
		Long:              lockHelp,
		Example:           lockExample,
		Args:              takesCommand("NAME"),
		ValidArgsFunction: a.complete(mutexNames),
		RunE: func(cmd *cobra.Command, args []string) error {
			own, command := split(cmd, args)
			if err := cmp.Or(wait.read(cmd), wait.inLine(), notNegative(cmd, "lock-delay")); err != nil {
				return err
			}
			if delay > maxLockDelay {
				return misused("--lock-delay %s: give at most %s", delay, short(maxLockDelay))
			}
			return a.lock(cmd.Context(), own[0], command, session, wait, delay)
		},
	}
	session.define(cmd)
	wait.define(cmd)
	cmd.Flags().DurationVar(&delay, "lock-delay", 0, "keep it free this long if we are lost; at most 1m")
	return cmd
}

func (a *app) lock(ctx context.Context, name string, command []string, flags sessionFlags, wait waitFlag, delay time.Duration) error {
	s, err := flags.open(ctx, a)
	if err != nil {
		return err
	}
	defer a.closing(ctx, s)

	var options []conclave.MutexOption
	if delay > 0 {
		options = append(options, conclave.WithLockDelay(delay))
	}
	if wait.bound > 0 {
		options = append(options, conclave.WithWait(wait.bound))
	}
	mutex, lock := s.Mutex(name, options...), (*conclave.Mutex).Lock
	if wait.given && wait.bound == 0 {
		lock = (*conclave.Mutex).TryLock
	}
	hold, err := lock(mutex, ctx)
	if errors.Is(err, conclave.ErrHeld) || errors.Is(err, conclave.ErrWaitTimeout) {
		return wait.over(fmt.Sprintf("mutex %q", name), a.holderOf(ctx, name, err))
	}
	if err != nil {
		return err
	}
	if command == nil {
		if err := a.printToken("mutex", name, hold.Token(), s.ID()); err != nil {
			return err
		}
	}
	return tenure{
		session: s,
		what:    fmt.Sprintf("mutex %q", name),
		held:    hold.Context(),
		release: hold.Unlock,
		env:     []string{"CONCLAVE_LOCK=" + name, "CONCLAVE_TOKEN=" + hold.Token().String()},
		command: command,
	}.keep(ctx, a)
}

// printToken says what was granted: just the number for a person or $( ).
func (a *app) printToken(kind, name string, token conclave.Token, lease conclave.LeaseID) error {
	number := "token"
	if kind == "election" {
		number = "term"
	}
	return a.printOne(
		map[string]any{"name": name, number: token, "lease_id": lease}, token.String(),
		[]string{"NAME", strings.ToUpper(number), "LEASE"}, name, token.String(), lease.String(),
	)
}

// holderOf is who holds a mutex, for a better sentence; nil if that is not known.
func (a *app) holderOf(ctx context.Context, name string, refused error) (card *conclave.Card) {
	var e *conclave.Error
	if errors.As(refused, &e) && e.Holder != nil {
		return e.Holder
	}
	_ = a.call(ctx, func(ctx context.Context, c *conclave.Client) error {
		m, err := c.GetMutex(ctx, name)
		if err == nil && m.Hold != nil {
			card = &m.Hold.Card
		}
		return err
	})
	return card
}
