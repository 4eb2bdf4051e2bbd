package main

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	conclave "github.com/conclavehq/conclave/sdk"
)

const mutexHelp = `Look at mutexes: who holds them, who waits and since when; and break one.

To hold a mutex, use "conclave lock".`

const mutexExample = `  conclave mutex list
  conclave mutex show invoice/42
  conclave mutex break invoice/42 --reason "worker-7 hangs, see ticket 1234"`

func newMutexCommand(a *app) *cobra.Command {
	group := newGroup("mutex", "Look at mutexes, and break one", mutexHelp,
		newMutexListCommand(a), newMutexShowCommand(a), newMutexBreakCommand(a))
	group.Example = mutexExample
	return group
}

func newMutexListCommand(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "list [PREFIX]",
		Short: "List the mutexes that are held or waited for",
		Args:  takes("[PREFIX]"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.call(cmd.Context(), func(ctx context.Context, c *conclave.Client) error {
				views, rows := []mutexJSON{}, [][]string{}
				for m, err := range c.Mutexes(ctx, optionalArg(args)) {
					if err != nil {
						return err
					}
					views = append(views, mutexView(m))
					rows = append(rows, mutexRow(m))
				}
				return a.print(answer{data: views, head: mutexHead, rows: rows})
			})
		},
	}
}

func newMutexShowCommand(a *app) *cobra.Command {
	return &cobra.Command{
		Use:               "show NAME",
		Short:             "Show who holds a mutex and who waits for it",
		Args:              takes("NAME"),
		ValidArgsFunction: a.complete(mutexNames),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.call(cmd.Context(), func(ctx context.Context, c *conclave.Client) error {
				m, err := c.GetMutex(ctx, args[0])
				if err != nil {
					return err
				}
				return a.print(answer{data: mutexView(m), head: mutexHead, rows: mutexRows(m), plain: func(w io.Writer) {
					printMutex(w, m)
				}})
			})
		},
	}
}

func newMutexBreakCommand(a *app) *cobra.Command {
	var (
		reason, actor string
		token         int64
	)
	cmd := &cobra.Command{
		Use:   "break NAME --reason WHY [--token TOKEN]",
		Short: "Take a mutex from its holder, with a reason",
		Long: `Take a mutex from its holder, whoever that is. The holder's command is ended with
the reason, the next in line gets the mutex, and the act stays on record. With
--token, that hold is broken or nothing: the mutex may have gone on meanwhile.`,
		Args:              takes("NAME"),
		ValidArgsFunction: a.complete(mutexNames),
		RunE: func(cmd *cobra.Command, args []string) error {
			if reason == "" {
				return misused("--reason is missing: the holder, and whoever looks at the record, must know why")
			}
			var options []conclave.BreakOption
			if cmd.Flags().Changed("token") {
				if token < 1 {
					return misused("--token %d: give the number that conclave mutex show prints", token)
				}
				options = append(options, conclave.OnlyToken(conclave.Token(token)))
			}
			return a.call(cmd.Context(), func(ctx context.Context, c *conclave.Client) error {
				broken, err := c.BreakMutex(ctx, args[0], reason, orUser(actor), options...)
				if err != nil {
					return err
				}
				return a.printOne(
					map[string]any{"name": args[0], "broken_token": broken.Token, "holder": cardView(&broken.Holder)},
					fmt.Sprintf("broke mutex %s, token %d, held by %s", args[0], broken.Token, broken.Holder),
					[]string{"NAME", "TOKEN", "HOLDER"}, args[0], broken.Token.String(), broken.Holder.String())
			})
		},
	}
	cmd.Flags().StringVar(&reason, "reason", "", "why; required")
	cmd.Flags().StringVar(&actor, "actor", "", "who does it (default: the user)")
	cmd.Flags().Int64Var(&token, "token", 0, "only the hold with this token (default: whatever hold there is)")
	return cmd
}

var mutexHead = []string{"NAME", "HOLDER", "TOKEN", "SINCE", "EXPIRES", "WAITING"}

func mutexRow(m *conclave.MutexInfo) []string {
	row := []string{m.Name, "", "", "", "", fmt.Sprint(m.Waiting)}
	if m.Hold != nil {
		row[1], row[2] = m.Hold.Card.String(), m.Hold.Token.String()
		row[3], row[4] = clock(m.Hold.Card.Since), short(m.Hold.ExpiresIn)
	}
	return row
}

// mutexRows is a mutex with its line: who waits has a place instead of a token.
func mutexRows(m *conclave.MutexInfo) [][]string {
	rows := [][]string{mutexRow(m)}
	for _, waiter := range m.Waiters {
		place := fmt.Sprintf("waits, %d. in line", waiter.Position)
		rows = append(rows, []string{m.Name, waiter.Card.String(), place, clock(waiter.Card.Since), "", ""})
	}
	return rows
}

func printMutex(w io.Writer, m *conclave.MutexInfo) {
	fmt.Fprintf(w, "mutex:   %s\n", m.Name)
	switch {
	case m.Hold != nil:
		fmt.Fprintf(w, "holder:  %s\ntoken:   %d\nsession: %d\nsince:   %s\nexpires: in %s unless renewed\n",
			m.Hold.Card, m.Hold.Token, m.Hold.Lease, clock(m.Hold.Card.Since), short(m.Hold.ExpiresIn))
		if m.Hold.Count > 1 {
			fmt.Fprintf(w, "count:   %d\n", m.Hold.Count)
		}
	case m.DelayedFor > 0:
		fmt.Fprintf(w, "holder:  nobody for another %s, because the last one was lost\n", short(m.DelayedFor))
	default:
		fmt.Fprintln(w, "holder:  nobody")
	}
	fmt.Fprintf(w, "waiting: %d\n", m.Waiting)
	for _, waiter := range m.Waiters {
		fmt.Fprintf(w, "  %d. %s since %s\n", waiter.Position, waiter.Card, clock(waiter.Card.Since))
	}
	if b := m.LastBreak; b != nil {
		fmt.Fprintf(w, "broken:  token %d of %s, %s by %s: %s\n", b.Token, b.Holder, clock(b.At), b.Actor, b.Reason)
	}
}
