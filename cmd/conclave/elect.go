package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	conclave "github.com/conclavehq/conclave/sdk"
)

const electHelp = `Stand for election, waiting to lead. VALUE is what observers see, such as an
address.

With a command, it leads while the command runs; the exit code is the command's.
The command is given

  CONCLAVE_ELECTION   the name of the election
  CONCLAVE_TERM       the number of the term: greater than that of every term before

and CONCLAVE_ENDPOINTS and CONCLAVE_NAMESPACE as this command has them, so that
it can write with "conclave put --hold election:$CONCLAVE_ELECTION:$CONCLAVE_TERM".
When the leadership is lost or handed over, the command gets SIGTERM, after 5 s
SIGKILL, and the exit code is 4.

When this program itself is killed (SIGKILL), Linux kills the command with it. What
the command has started goes on, and on other systems so does the command; only
its guarded writes are refused then, from when somebody else holds it.

Without a command it prints the term and leads until it is interrupted.`

const electExample = `  conclave elect scheduler 10.0.0.7:80 -- ./scheduler
  conclave elect scheduler 10.0.0.8:80 --priority 10 -- ./scheduler
  conclave elect maintenance "$(hostname)"       # lead by hand`

func newElectCommand(a *app) *cobra.Command {
	var (
		session  sessionFlags
		wait     waitFlag
		priority int
	)
	cmd := &cobra.Command{
		Use:               "elect NAME VALUE [-- COMMAND...]",
		Short:             "Lead, alone or while a command runs",
		Long:              electHelp,
		Example:           electExample,
		Args:              takesCommand("NAME", "VALUE"),
		ValidArgsFunction: a.complete(electionNames),
		RunE: func(cmd *cobra.Command, args []string) error {
			own, command := split(cmd, args)
			if err := cmp.Or(wait.read(cmd), wait.inLine(), checkPriority(priority)); err != nil {
				return err
			}
			return a.elect(cmd.Context(), own[0], own[1], command, session, wait, priority)
		},
	}
	session.define(cmd)
	wait.define(cmd)
	cmd.Flags().IntVar(&priority, "priority", 0, "who has a higher one leads before others; -1000 to 1000")
	return cmd
}

func (a *app) elect(ctx context.Context, name, value string, command []string, flags sessionFlags, wait waitFlag, priority int) error {
	s, err := flags.open(ctx, a)
	if err != nil {
		return err
	}
	defer a.closing(ctx, s)

	options := []conclave.CampaignOption{conclave.WithPriority(priority)}
	if wait.given {
		// There is no campaign without a wait; the shortest is as good.
		options = append(options, conclave.WithWait(max(wait.bound, time.Millisecond)))
	}
	term, err := s.Election(name).Campaign(ctx, value, options...)
	if errors.Is(err, conclave.ErrHeld) || errors.Is(err, conclave.ErrWaitTimeout) {
		return wait.over(fmt.Sprintf("election %q", name), a.leaderOf(ctx, name))
	}
	if err != nil {
		return err
	}
	if command == nil {
		if err := a.printToken("election", name, term.Number(), s.ID()); err != nil {
			return err
		}
	}
	return tenure{
		session: s,
		what:    fmt.Sprintf("the leadership of %q", name),
		held:    term.Context(),
		release: func(ctx context.Context) error { return term.Resign(ctx) },
		env:     []string{"CONCLAVE_ELECTION=" + name, "CONCLAVE_TERM=" + term.Number().String()},
		command: command,
	}.keep(ctx, a)
}

// leaderOf asks who leads, for a better sentence; nil if there is no answer.
func (a *app) leaderOf(ctx context.Context, name string) (card *conclave.Card) {
	_ = a.call(ctx, func(ctx context.Context, c *conclave.Client) error {
		leader, err := c.Election(name).Leader(ctx)
		if err == nil {
			card = &leader.Card
		}
		return err
	})
	return card
}
