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

const queueHelp = `Put jobs into queues, take them, and look after them.

A queue exists from its first job on. Each job is with one worker at a time; a
worker that dies loses its jobs at once, and they are ready for the next.`

const queueExample = `  conclave queue put emails '{"to":"ada@example.com"}'
  conclave queue put emails --delay 1h --dedup report-17 < report.json
  conclave queue take emails -- ./send-email        # run for each job, body on standard input
  conclave queue stats emails
  conclave queue peek emails --state dead
  conclave queue kick emails 17                     # try a dead job again`

func newQueueCommand(a *app) *cobra.Command {
	group := newGroup("queue", "Put jobs into queues, take them, and look after them", queueHelp,
		newQueuePutCommand(a), newQueueTakeCommand(a), newQueueAckCommand(a), newQueueNackCommand(a),
		newQueueListCommand(a), newQueueStatsCommand(a), newQueuePeekCommand(a),
		newQueueKickCommand(a), newQueueBuryCommand(a), newQueueCancelCommand(a))
	group.Example = queueExample
	return group
}

type enqueueFlags struct {
	priority, attempts                 int
	delay, backoff, maxBackoff, retain time.Duration
	group, dedup                       string
	headers                            []string
}

func newQueuePutCommand(a *app) *cobra.Command {
	var flags enqueueFlags
	cmd := &cobra.Command{
		Use:               "put QUEUE [BODY]",
		Aliases:           []string{"enqueue"},
		Short:             "Add a job and print its id",
		Long:              "Add a job and print its id. Without BODY, the body is read from standard input.",
		Args:              takes("QUEUE", "[BODY]"),
		ValidArgsFunction: a.complete(queueNames),
		RunE: func(cmd *cobra.Command, args []string) error {
			options, err := flags.options(cmd)
			if err != nil {
				return err
			}
			body := ""
			if len(args) > 1 {
				body = args[1]
			} else if body, err = a.readAll(); err != nil {
				return err
			}
			return a.call(cmd.Context(), func(ctx context.Context, c *conclave.Client) error {
				id, err := c.Queue(args[0]).Enqueue(ctx, []byte(body), options...)
				if err != nil {
					return err
				}
				return a.printOne(map[string]any{"queue": args[0], "job_id": id}, id.String(),
					[]string{"QUEUE", "JOB"}, args[0], id.String())
			})
		},
	}
	set := cmd.Flags()
	set.IntVar(&flags.priority, "priority", 0, "higher is taken first; -1000 to 1000")
	set.DurationVar(&flags.delay, "delay", 0, "keep it back for this long")
	set.StringVar(&flags.group, "group", "", "jobs of one group are done one after the other, in order")
	set.StringVar(&flags.dedup, "dedup", "", "add nothing while a job with this id is unfinished, and print that job's id")
	set.IntVar(&flags.attempts, "max-attempts", 0, "dead after so many failures (default 10)")
	set.DurationVar(&flags.backoff, "backoff", time.Second, "pause after the first failure; doubles with each further one")
	set.DurationVar(&flags.maxBackoff, "max-backoff", time.Minute, "the longest such pause")
	set.DurationVar(&flags.retain, "retain", 0, "how long the finished job can be read")
	set.StringArrayVar(&flags.headers, "header", nil, "NAME=VALUE that goes with the body")
	return cmd
}

func (f *enqueueFlags) options(cmd *cobra.Command) ([]conclave.EnqueueOption, error) {
	if err := cmp.Or(notNegative(cmd, "delay", "backoff", "max-backoff", "retain"), checkPriority(f.priority)); err != nil {
		return nil, err
	}
	if cmd.Flags().Changed("max-attempts") && f.attempts < 1 {
		return nil, misused("--max-attempts %d: give 1 or more", f.attempts)
	}
	options := []conclave.EnqueueOption{
		conclave.WithPriority(f.priority), conclave.WithGroup(f.group), conclave.WithDedup(f.dedup),
		conclave.WithMaxAttempts(f.attempts),
	}
	if f.delay > 0 {
		options = append(options, conclave.WithDelay(f.delay))
	}
	if f.retain > 0 {
		options = append(options, conclave.WithRetain(f.retain))
	}
	if cmd.Flags().Changed("backoff") || cmd.Flags().Changed("max-backoff") {
		options = append(options, conclave.WithBackoff(f.backoff, max(f.backoff, f.maxBackoff)))
	}
	headers, err := parsePairs("--header", f.headers)
	if len(headers) > 0 {
		options = append(options, conclave.WithHeaders(headers))
	}
	return options, err
}

// parsePairs reads NAME=VALUE values.
func parsePairs(flag string, given []string) (map[string]string, error) {
	pairs := make(map[string]string)
	for _, pair := range given {
		name, value, ok := strings.Cut(pair, "=")
		if !ok || name == "" {
			return nil, misused("%s %q: give NAME=VALUE", flag, pair)
		}
		pairs[name] = value
	}
	return pairs, nil
}

// claimArgs reads QUEUE JOB RECEIPT.
func claimArgs(args []string) (id conclave.JobID, receipt conclave.Token, err error) {
	job, err := parseNumber("JOB", args[1])
	if err != nil {
		return 0, 0, err
	}
	token, err := parseNumber("RECEIPT", args[2])
	return conclave.JobID(job), conclave.Token(token), err
}

func newQueueAckCommand(a *app) *cobra.Command {
	var result string
	cmd := &cobra.Command{
		Use:               "ack QUEUE JOB RECEIPT",
		Short:             "Finish a job that was taken",
		Args:              takes("QUEUE", "JOB", "RECEIPT"),
		ValidArgsFunction: a.complete(queueNames),
		RunE: func(cmd *cobra.Command, args []string) error {
			id, receipt, err := claimArgs(args)
			if err != nil {
				return err
			}
			var options []conclave.AckOption
			if cmd.Flags().Changed("result") {
				options = append(options, conclave.WithResult([]byte(result)))
			}
			return a.call(cmd.Context(), func(ctx context.Context, c *conclave.Client) error {
				if err := c.Queue(args[0]).Ack(ctx, id, receipt, options...); err != nil {
					return finished(ctx, c.Queue(args[0]), id, err)
				}
				return a.printJob(args[0], id, "acked")
			})
		},
	}
	cmd.Flags().StringVar(&result, "result", "", "what can be read of the finished job")
	return cmd
}

func newQueueNackCommand(a *app) *cobra.Command {
	var (
		delay  time.Duration
		reason string
	)
	cmd := &cobra.Command{
		Use:               "nack QUEUE JOB RECEIPT",
		Short:             "Give a job back as failed",
		Args:              takes("QUEUE", "JOB", "RECEIPT"),
		ValidArgsFunction: a.complete(queueNames),
		RunE: func(cmd *cobra.Command, args []string) error {
			id, receipt, err := claimArgs(args)
			if err != nil {
				return err
			}
			if err := notNegative(cmd, "delay"); err != nil {
				return err
			}
			options := []conclave.NackOption{conclave.Because(reason)}
			if cmd.Flags().Changed("delay") {
				options = append(options, conclave.RetryIn(delay))
			}
			return a.call(cmd.Context(), func(ctx context.Context, c *conclave.Client) error {
				dead, err := c.Queue(args[0]).Nack(ctx, id, receipt, options...)
				if err != nil {
					return finished(ctx, c.Queue(args[0]), id, err)
				}
				if dead {
					return a.printJob(args[0], id, "dead")
				}
				return a.printJob(args[0], id, "nacked")
			})
		},
	}
	cmd.Flags().DurationVar(&delay, "delay", 0, "when it is ready again (default: by its back-off)")
	cmd.Flags().StringVar(&reason, "reason", "", "why, for its history")
	return cmd
}

// finished says of a job that is not claimed any more whether it is done.
func finished(ctx context.Context, q *conclave.Queue, id conclave.JobID, refused error) error {
	if errors.Is(refused, conclave.ErrJobNotFound) {
		return &exitError{exitFailed, fmt.Sprintf("job %d is done already, or was never in queue %q", id, q.Name())}
	}
	if !errors.Is(refused, conclave.ErrStaleReceipt) {
		return refused
	}
	if job, err := q.Get(ctx, id); err == nil && job.State == conclave.JobDone {
		return &exitError{exitFailed, fmt.Sprintf("job %d of queue %q is done already", id, q.Name())}
	}
	return refused
}

// printJob says what became of a job.
func (a *app) printJob(queue string, id conclave.JobID, outcome string) error {
	return a.printOne(map[string]any{"queue": queue, "job_id": id, "outcome": outcome},
		fmt.Sprintf("job %d %s", id, outcome), []string{"QUEUE", "JOB", "OUTCOME"}, queue, id.String(), outcome)
}
