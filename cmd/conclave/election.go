package main

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	conclave "github.com/conclavehq/conclave/sdk"
)

const electionHelp = `Look at elections: who leads, who stands; and hand one over.

To stand for election, use "conclave elect".`

const electionExample = `  conclave election list
  conclave election show scheduler
  conclave election observe scheduler
  conclave election resign scheduler --to worker-8 --reason "draining host 7"`

func newElectionCommand(a *app) *cobra.Command {
	group := newGroup("election", "Look at elections, and hand one over", electionHelp,
		newElectionListCommand(a), newElectionShowCommand(a), newElectionObserveCommand(a), newElectionResignCommand(a))
	group.Example = electionExample
	return group
}

func newElectionListCommand(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "list [PREFIX]",
		Short: "List the elections that have a leader or candidates",
		Args:  takes("[PREFIX]"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.call(cmd.Context(), func(ctx context.Context, c *conclave.Client) error {
				views, rows := []electionJSON{}, [][]string{}
				for e, err := range c.Elections(ctx, optionalArg(args)) {
					if err != nil {
						return err
					}
					views = append(views, electionView(e))
					rows = append(rows, electionRow(e))
				}
				return a.print(answer{data: views, head: electionHead, rows: rows})
			})
		},
	}
}

func newElectionShowCommand(a *app) *cobra.Command {
	return &cobra.Command{
		Use:               "show NAME",
		Short:             "Show who leads and who stands",
		Args:              takes("NAME"),
		ValidArgsFunction: a.complete(electionNames),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.call(cmd.Context(), func(ctx context.Context, c *conclave.Client) error {
				e, err := c.Election(args[0]).Info(ctx)
				if err != nil {
					return err
				}
				return a.print(answer{data: electionView(e), head: electionHead, rows: [][]string{electionRow(e)}, plain: func(w io.Writer) {
					printElection(w, e)
				}})
			})
		},
	}
}

func newElectionObserveCommand(a *app) *cobra.Command {
	var count int
	cmd := &cobra.Command{
		Use:   "observe NAME",
		Short: "Tell who leads, now and at each change",
		Long: `Tell who leads: first who does now, then each change of leader or value, until
interrupted. Each is a line with the term and the value; "nobody" when nobody
leads.`,
		Args:              takes("NAME"),
		ValidArgsFunction: a.complete(electionNames),
		RunE: func(cmd *cobra.Command, args []string) error {
			if a.format == formatTable {
				return misused("--write-out table: an observation has no end, so it prints simple or json")
			}
			return a.observe(cmd.Context(), args[0], count)
		},
	}
	cmd.Flags().IntVar(&count, "count", 0, "end after this many; 0 for never")
	return cmd
}

func (a *app) observe(ctx context.Context, name string, count int) error {
	if _, err := a.now(ctx, fmt.Sprintf("observe election %q", name)); err != nil {
		return err
	}
	c, err := a.dial(ctx)
	if err != nil {
		return err
	}
	seen := 0
	for leader, err := range c.Election(name).Observe(ctx) {
		switch {
		case err != nil && ctx.Err() != nil:
			return nil
		case err != nil:
			return err
		case a.format == formatJSON:
			err = printJSON(a.out, map[string]any{"name": name, "leader": leaderView(&leader)})
		case leader.Term == 0:
			_, err = fmt.Fprintln(a.out, "nobody")
		default:
			_, err = fmt.Fprintf(a.out, "%d %s\n", leader.Term, leader.Value)
		}
		if err != nil {
			return err
		}
		if seen++; seen == count {
			return nil
		}
	}
	return nil
}

func newElectionResignCommand(a *app) *cobra.Command {
	var to, reason, actor string
	cmd := &cobra.Command{
		Use:   "resign NAME --reason WHY [--to IDENTITY]",
		Short: "End the current term, and let another candidate lead",
		Long: `End the current term, whoever leads, and let the first candidate lead, or the one
that --to names by its identity. The leader's command is ended with the reason,
and the act stays on record.`,
		Args:              takes("NAME"),
		ValidArgsFunction: a.complete(electionNames),
		RunE: func(cmd *cobra.Command, args []string) error {
			if reason == "" {
				return misused("--reason is missing: the leader, and whoever looks at the record, must know why")
			}
			return a.call(cmd.Context(), func(ctx context.Context, c *conclave.Client) error {
				next, err := c.Election(args[0]).HandOver(ctx, to, reason, orUser(actor))
				if err != nil {
					return err
				}
				text := "the term has ended; nobody else stands"
				if next != 0 {
					text = fmt.Sprintf("the term has ended; term %d begins", next)
				}
				return a.printOne(map[string]any{"name": args[0], "next_term": next}, text,
					[]string{"NAME", "NEXT TERM"}, args[0], next.String())
			})
		},
	}
	cmd.Flags().StringVar(&to, "to", "", "identity of the candidate that shall lead (default: the first in line)")
	cmd.Flags().StringVar(&reason, "reason", "", "why; required")
	cmd.Flags().StringVar(&actor, "actor", "", "who does it (default: the user)")
	return cmd
}

var electionHead = []string{"NAME", "LEADER", "TERM", "VALUE", "SINCE", "EXPIRES", "WAITING"}

func electionRow(e *conclave.ElectionInfo) []string {
	row := []string{e.Name, "", "", "", "", "", fmt.Sprint(e.Waiting)}
	if l := e.Leader; l != nil {
		row[1], row[2], row[3] = l.Card.String(), l.Term.String(), string(l.Value)
		row[4], row[5] = clock(l.Card.Since), short(l.ExpiresIn)
	}
	return row
}

func printElection(w io.Writer, e *conclave.ElectionInfo) {
	fmt.Fprintf(w, "election: %s\n", e.Name)
	if l := e.Leader; l != nil {
		fmt.Fprintf(w, "leader:   %s\nvalue:    %s\nterm:     %d\nsession:  %d\nsince:    %s\nexpires:  in %s unless renewed\n",
			l.Card, visible(string(l.Value)), l.Term, l.Lease, clock(l.Card.Since), short(l.ExpiresIn))
	} else {
		fmt.Fprintln(w, "leader:   nobody")
	}
	fmt.Fprintf(w, "waiting:  %d\n", e.Waiting)
	for _, c := range e.Candidates {
		fmt.Fprintf(w, "  %d. %s, priority %d, value %s\n", c.Position, c.Card, c.Priority, visible(string(c.Value)))
	}
	if e.HandOverReason != "" {
		fmt.Fprintf(w, "handed over: by %s: %s\n", e.HandOverActor, e.HandOverReason)
	}
}
