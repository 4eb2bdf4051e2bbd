package main

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"time"

	"github.com/spf13/cobra"

	conclave "github.com/conclavehq/conclave/sdk"
)

const queueTakeHelp = `Take jobs, waiting for them.

With a command, the command is run for each job, one after the other, until
interrupted, with the body on standard input and

  CONCLAVE_QUEUE     the name of the queue
  CONCLAVE_JOB_ID    the id of the job
  CONCLAVE_RECEIPT   the fencing token of the claim
  CONCLAVE_ATTEMPT   which attempt this is, from 1

Exit code 0 acks the job; any other nacks it, and the job is tried again after
its back-off. The claim is extended while the command runs. When it is lost, the
command is ended as by "conclave lock". With --once the exit code is that of the
command.

Without a command it prints the job's id and receipt on a line, then the body,
and ends. The job stays claimed for --claim-for, which nobody extends:
finish it before with "conclave queue ack QUEUE JOB RECEIPT" or give it back with
"conclave queue nack QUEUE JOB RECEIPT". When there is no job, the exit code is 1.`

const queueTakeExample = `  conclave queue take emails -- ./send-email
  conclave queue take emails --wait 0 -- ./send-email     # until the queue is empty
  conclave queue take emails --once --wait 10s -- ./send-email
  conclave queue take emails --claim-for 5m               # by hand`

type takeFlags struct {
	session  sessionFlags
	wait     waitFlag
	claimFor time.Duration
	count    int
	once     bool
}

func newQueueTakeCommand(a *app) *cobra.Command {
	var flags takeFlags
	cmd := &cobra.Command{
		Use:               "take QUEUE [-- COMMAND...]",
		Short:             "Take jobs, by hand or for a command",
		Long:              queueTakeHelp,
		Example:           queueTakeExample,
		Args:              takesCommand("QUEUE"),
		ValidArgsFunction: a.complete(queueNames),
		RunE: func(cmd *cobra.Command, args []string) error {
			own, command := split(cmd, args)
			if err := flags.read(cmd); err != nil {
				return err
			}
			if command == nil {
				return a.takeByHand(cmd.Context(), own[0], flags)
			}
			if _, err := exec.LookPath(command[0]); err != nil {
				// Every job would fail with it.
				return &exitError{exitNoCommand, "cannot start the command: " + startFailure(err)}
			}
			return a.takeFor(cmd.Context(), own[0], flags, command)
		},
	}
	flags.session.define(cmd)
	flags.wait.define(cmd)
	cmd.Flags().DurationVar(&flags.claimFor, "claim-for", 30*time.Second, "how long a job stays claimed unless extended")
	cmd.Flags().IntVar(&flags.count, "count", 0, "end after so many jobs (default: never; without a command 1)")
	cmd.Flags().BoolVar(&flags.once, "once", false, "end after one job")
	return cmd
}

func (f *takeFlags) read(cmd *cobra.Command) error {
	if f.once {
		f.count = 1
	}
	if f.count < 0 {
		return misused("--count %d: give 1 or more", f.count)
	}
	return cmp.Or(checkTTL("--claim-for", f.claimFor), f.wait.read(cmd))
}

// claim takes up to n jobs. No job within --wait is no error.
func (f *takeFlags) claim(ctx context.Context, w *conclave.Worker, n int) ([]*conclave.Job, error) {
	if f.wait.given && f.wait.bound == 0 {
		return w.TryClaim(ctx, n)
	}
	var options []conclave.ClaimOption
	if f.wait.given {
		options = append(options, conclave.WithWait(f.wait.bound))
	}
	jobs, err := w.Claim(ctx, n, options...)
	if errors.Is(err, conclave.ErrWaitTimeout) {
		return nil, nil
	}
	return jobs, err
}

// takeByHand leaves what it took to the commands ack and nack.
func (a *app) takeByHand(ctx context.Context, queue string, flags takeFlags) error {
	flags.session.ttl = min(max(flags.session.ttl, flags.claimFor), maxTTL)
	s, err := flags.session.open(ctx, a)
	if err != nil {
		return err
	}
	jobs, err := flags.claim(ctx, s.Queue(queue, conclave.WithClaimFor(flags.claimFor)), max(flags.count, 1))
	if err != nil || len(jobs) == 0 {
		a.closing(ctx, s)
		if err == nil {
			err = &exitError{exitFailed, fmt.Sprintf("queue %q has no job that is ready", queue)}
		}
		return err
	}
	s.Detach()
	views, rows := []jobJSON{}, [][]string{}
	for _, job := range jobs {
		views = append(views, claimView(queue, job))
		rows = append(rows, []string{job.ID.String(), job.Receipt.String(), fmt.Sprint(job.Attempt), string(job.Body)})
	}
	return a.print(answer{data: views, head: []string{"JOB", "RECEIPT", "ATTEMPT", "BODY"}, rows: rows, plain: func(w io.Writer) {
		for _, job := range jobs {
			fmt.Fprintf(w, "%d %d\n%s\n", job.ID, job.Receipt, job.Body)
		}
	}})
}

// takeFor runs the command for one job after the other.
func (a *app) takeFor(ctx context.Context, queue string, flags takeFlags, command []string) error {
	s, err := flags.session.open(ctx, a)
	if err != nil {
		return err
	}
	defer a.closing(ctx, s)
	w := s.Queue(queue, conclave.WithClaimFor(flags.claimFor))
	for done := 0; flags.count == 0 || done < flags.count; done++ {
		jobs, err := flags.claim(ctx, w, 1)
		if ctx.Err() != nil || err == nil && len(jobs) == 0 {
			return nil // interrupted, or nothing left to do
		}
		if err != nil {
			return err
		}
		code, err := a.work(ctx, queue, jobs[0], command)
		if s.Context().Err() != nil {
			return lost("the session was lost", context.Cause(s.Context()))
		}
		if flags.once && err == nil && code != exitOK {
			err = &exitError{code: code}
		}
		if flags.once || ctx.Err() != nil {
			return err
		}
		if err != nil {
			a.note("%s", oneLine(reasonOf(err)))
		}
	}
	return nil
}

// work runs the command for one job, and acks or nacks it.
func (a *app) work(ctx context.Context, queue string, job *conclave.Job, argv []string) (code int, err error) {
	command := child{argv: argv, in: bytes.NewReader(job.Body), env: append(a.environment(),
		"CONCLAVE_QUEUE="+queue,
		"CONCLAVE_JOB_ID="+job.ID.String(),
		"CONCLAVE_RECEIPT="+job.Receipt.String(),
		fmt.Sprintf("CONCLAVE_ATTEMPT=%d", job.Attempt))}
	code, failed := command.run(job.Context(), a)
	if job.Context().Err() != nil {
		return code, lost(fmt.Sprintf("job %d of %q was lost", job.ID, queue), context.Cause(job.Context()))
	}
	interrupted := command.interrupted(ctx)
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), farewell)
	defer cancel()
	switch {
	case failed != nil:
		return code, errors.Join(failed, job.Nack(ctx, conclave.RetryIn(0), conclave.Because(failed.Error())))
	case code == exitOK:
		return code, job.Ack(ctx)
	case interrupted:
		return code, job.Nack(ctx, conclave.RetryIn(0), conclave.Because("the worker was interrupted"))
	}
	return code, job.Nack(ctx, conclave.Because(fmt.Sprintf("exit code %d", code)))
}
