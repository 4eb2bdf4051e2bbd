package main

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	conclave "github.com/conclavehq/conclave/sdk"
)

func newQueueListCommand(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "list [PREFIX]",
		Short: "List queues and count their jobs",
		Args:  takes("[PREFIX]"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.call(cmd.Context(), func(ctx context.Context, c *conclave.Client) error {
				views, rows := []statsJSON{}, [][]string{}
				for s, err := range c.Queues(ctx, optionalArg(args)) {
					if err != nil {
						return err
					}
					views = append(views, statsView(s))
					rows = append(rows, statsRow(s))
				}
				return a.print(answer{data: views, head: statsHead, rows: rows})
			})
		},
	}
}

func newQueueStatsCommand(a *app) *cobra.Command {
	return &cobra.Command{
		Use:               "stats QUEUE",
		Short:             "Count the jobs of a queue",
		Args:              takes("QUEUE"),
		ValidArgsFunction: a.complete(queueNames),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.call(cmd.Context(), func(ctx context.Context, c *conclave.Client) error {
				s, err := c.Queue(args[0]).Stats(ctx)
				if err != nil {
					return err
				}
				return a.print(answer{data: statsView(s), head: statsHead, rows: [][]string{statsRow(s)}, plain: func(w io.Writer) {
					printStats(w, s)
				}})
			})
		},
	}
}

func newQueuePeekCommand(a *app) *cobra.Command {
	var (
		stateName string
		limit     int
	)
	cmd := &cobra.Command{
		Use:   "peek QUEUE [JOB]",
		Short: "Look at jobs without taking them",
		Long: `Look at jobs in one state, ready ones in the order in which they will be taken; or
at one job with its history.`,
		Example: `  conclave queue peek emails
  conclave queue peek emails --state dead --limit 5
  conclave queue peek emails 17`,
		Args:              takes("QUEUE", "[JOB]"),
		ValidArgsFunction: a.complete(queueNames),
		RunE: func(cmd *cobra.Command, args []string) error {
			if limit < 1 {
				return misused("--limit %d: give 1 or more", limit)
			}
			if len(args) > 1 {
				return a.peekJob(cmd.Context(), args)
			}
			state, err := conclave.ParseJobState(stateName)
			if err != nil {
				return misused("--state: %w", err)
			}
			return a.peek(cmd.Context(), args[0], state, limit)
		},
	}
	cmd.Flags().StringVar(&stateName, "state", "ready", "ready, delayed, claimed, dead, done or blocked")
	offer(cmd, "state", "ready", "delayed", "claimed", "dead", "done", "blocked")
	cmd.Flags().IntVar(&limit, "limit", 20, "at most this many jobs")
	return cmd
}

func (a *app) peek(ctx context.Context, queue string, state conclave.JobState, limit int) error {
	return a.call(ctx, func(ctx context.Context, c *conclave.Client) error {
		views, rows := []jobJSON{}, [][]string{}
		for job, err := range c.Queue(queue).Peek(ctx, state) {
			if err != nil {
				return err
			}
			views = append(views, jobView(queue, job))
			rows = append(rows, jobRow(job))
			if len(rows) == limit {
				break
			}
		}
		return a.print(answer{data: views, head: jobHead, rows: rows})
	})
}

func (a *app) peekJob(ctx context.Context, args []string) error {
	id, err := parseNumber("JOB", args[1])
	if err != nil {
		return err
	}
	return a.call(ctx, func(ctx context.Context, c *conclave.Client) error {
		job, err := c.Queue(args[0]).Get(ctx, conclave.JobID(id))
		if err != nil {
			return err
		}
		return a.print(answer{data: jobView(args[0], job), head: jobHead, rows: [][]string{jobRow(job)}, plain: func(w io.Writer) {
			printJob(w, job)
		}})
	})
}

func newQueueKickCommand(a *app) *cobra.Command {
	var limit int
	cmd := &cobra.Command{
		Use:   "kick QUEUE [JOB]",
		Short: "Make dead or delayed jobs ready",
		Long: `Make a job ready that is dead or delayed; without JOB all dead jobs, or, when there
are none, all delayed ones, up to --limit. A dead job gets all its attempts again.`,
		Args:              takes("QUEUE", "[JOB]"),
		ValidArgsFunction: a.complete(queueNames),
		RunE: func(cmd *cobra.Command, args []string) error {
			if limit < 1 {
				return misused("--limit %d: give 1 or more", limit)
			}
			return a.call(cmd.Context(), func(ctx context.Context, c *conclave.Client) error {
				if len(args) > 1 {
					id, err := parseNumber("JOB", args[1])
					if err != nil {
						return err
					}
					if err := c.Queue(args[0]).KickJob(ctx, conclave.JobID(id)); err != nil {
						return err
					}
					return a.printJob(args[0], conclave.JobID(id), "ready")
				}
				kicked, err := c.Queue(args[0]).Kick(ctx, limit)
				if err != nil {
					return err
				}
				return a.printOne(map[string]any{"queue": args[0], "kicked": kicked}, counted(kicked, "job")+" ready",
					[]string{"QUEUE", "KICKED"}, args[0], fmt.Sprint(kicked))
			})
		},
	}
	cmd.Flags().IntVar(&limit, "limit", 1000, "at most this many jobs")
	return cmd
}

func newQueueBuryCommand(a *app) *cobra.Command {
	return newQueueEndCommand(a, "bury", "Put a job aside as dead",
		"Put a job aside as dead, in whosever hands it is, for a human to look at. Its worker's\ncommand is ended.",
		"buried", (*conclave.Queue).Bury)
}

func newQueueCancelCommand(a *app) *cobra.Command {
	return newQueueEndCommand(a, "cancel", "Remove a job in any state",
		"Remove a job in any state. If somebody works on it, that command is ended.",
		"canceled", (*conclave.Queue).Cancel)
}

// newQueueEndCommand is for what takes a job out of the queue by hand.
func newQueueEndCommand(a *app, name, short, long, outcome string, end func(*conclave.Queue, context.Context, conclave.JobID, string) error) *cobra.Command {
	var reason string
	cmd := &cobra.Command{
		Use:               name + " QUEUE JOB",
		Short:             short,
		Long:              long,
		Example:           fmt.Sprintf("  conclave queue %s emails 17 --reason \"bad address\"", name),
		Args:              takes("QUEUE", "JOB"),
		ValidArgsFunction: a.complete(queueNames),
		RunE: func(cmd *cobra.Command, args []string) error {
			id, err := parseNumber("JOB", args[1])
			if err != nil {
				return err
			}
			return a.call(cmd.Context(), func(ctx context.Context, c *conclave.Client) error {
				if err := end(c.Queue(args[0]), ctx, conclave.JobID(id), reason); err != nil {
					return err
				}
				return a.printJob(args[0], conclave.JobID(id), outcome)
			})
		},
	}
	cmd.Flags().StringVar(&reason, "reason", "", "why, for its worker and its history")
	return cmd
}

// counted is a number with its noun, e.g. "1 job".
func counted(n int64, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
