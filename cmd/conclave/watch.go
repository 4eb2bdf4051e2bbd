package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	conclave "github.com/conclavehq/conclave/sdk"
)

const watchHelp = `Tell the changes of keys as they are committed: in order, each once, without
gaps, until interrupted. It goes on by itself when a node fails.

With --rev it begins with the changes of that revision, else with those after
now. With a command, that is run for each change, one after the other, with

  CONCLAVE_WATCH_EVENT      PUT or DELETE
  CONCLAVE_WATCH_KEY        the key
  CONCLAVE_WATCH_VALUE      the value, unless it is over 64 KiB or not text
  CONCLAVE_WATCH_REVISION   the revision of the change

and the value on standard input. A command that fails ends the watch with its
exit code.`

const watchExample = `  conclave watch --prefix config/
  conclave watch --rev 17 --prev-kv greeting
  conclave watch config/app -- sh -c 'cat > app.yaml && systemctl reload app'`

// maxEnvValue is how much of a value fits into an environment variable on all
// systems.
const maxEnvValue = 64 << 10

type watchFlags struct {
	span      spanFlags
	revision  int64
	count     int
	previous  bool
	noPuts    bool
	noDeletes bool
	progress  bool
}

func newWatchCommand(a *app) *cobra.Command {
	var flags watchFlags
	cmd := &cobra.Command{
		Use:     "watch KEY [RANGE-END] [-- COMMAND...]",
		Short:   "Tell the changes of keys",
		Long:    watchHelp,
		Example: watchExample,
		Args:    takesCommand("KEY", "[RANGE-END]"),
		RunE: func(cmd *cobra.Command, args []string) error {
			own, command := split(cmd, args)
			key, span, err := flags.span.options(own)
			if err != nil {
				return err
			}
			options, err := flags.options(span)
			if err != nil {
				return err
			}
			if a.format == formatTable {
				return misused("--write-out table: a watch has no end, so it prints simple or json")
			}
			return a.watch(cmd.Context(), key, options, flags, command)
		},
	}
	set := cmd.Flags()
	flags.span.define(cmd)
	set.Int64Var(&flags.revision, "rev", 0, "begin with the changes of this revision (default: those after now)")
	set.IntVar(&flags.count, "count", 0, "end after this many changes; 0 for never")
	set.BoolVar(&flags.previous, "prev-kv", false, "tell what the key was before")
	set.BoolVar(&flags.noPuts, "no-puts", false, "leave writes out")
	set.BoolVar(&flags.noDeletes, "no-deletes", false, "leave deletes out")
	set.BoolVar(&flags.progress, "progress-notify", false, "tell at the beginning, and every 10 s without a change, how far it has come")
	return cmd
}

func (f *watchFlags) options(span []conclave.SpanOption) ([]conclave.WatchOption, error) {
	if f.revision < 0 || f.count < 0 {
		return nil, misused("--rev and --count: give 0 or more")
	}
	if f.noPuts && f.noDeletes {
		return nil, misused("--no-puts and --no-deletes together leave nothing to watch: give one of them")
	}
	var options []conclave.WatchOption
	for _, option := range span {
		options = append(options, option)
	}
	if f.previous {
		options = append(options, conclave.WithPrevious())
	}
	if f.noPuts {
		options = append(options, conclave.WithoutPuts())
	}
	if f.noDeletes {
		options = append(options, conclave.WithoutDeletes())
	}
	if f.progress {
		options = append(options, conclave.WithProgress(10*time.Second))
	}
	return options, nil
}

func (a *app) watch(ctx context.Context, key string, options []conclave.WatchOption, flags watchFlags, command []string) error {
	now, err := a.now(ctx, fmt.Sprintf("watch %q", key))
	if err != nil {
		return err
	}
	from := conclave.Revision(flags.revision)
	if from == 0 {
		from = now + 1
	}
	c, err := a.dial(ctx)
	if err != nil {
		return err
	}
	seen := 0
	for event, err := range c.Watch(ctx, key, append(options, conclave.FromRevision(from))...) {
		if err != nil {
			if ctx.Err() != nil {
				return nil // interrupted is how a watch ends
			}
			return err
		}
		if err := a.tell(ctx, event, command); err != nil {
			return err
		}
		if event.Type != conclave.EventProgress {
			seen++
		}
		if flags.count > 0 && seen >= flags.count {
			return nil
		}
	}
	return nil
}

// now is the current revision. It also finds out within --timeout whether the
// service is there at all: a watch would wait for it.
func (a *app) now(ctx context.Context, what string) (revision conclave.Revision, err error) {
	err = a.call(ctx, func(ctx context.Context, c *conclave.Client) error {
		res, err := c.Range(ctx, "\x00", conclave.CountOnly())
		if err == nil {
			revision = res.Revision
		}
		return err
	})
	var service *conclave.Error
	if errors.As(err, &service) {
		named := *service
		named.Op = what
		err = &named
	}
	return revision, err
}

func (a *app) tell(ctx context.Context, event conclave.Event, command []string) error {
	name := strings.ToUpper(event.Type.String())
	switch {
	case event.Type == conclave.EventProgress:
		return a.tellProgress(event.Revision)
	case command != nil:
		return a.runForEvent(ctx, name, event, command)
	case a.format == formatJSON:
		data := map[string]any{"event": name, "revision": event.Revision, "key": text(event.KV.Key)}
		if event.Type == conclave.EventPut {
			data["kv"] = kvView(event.KV)
		}
		if event.Previous != nil {
			data["previous"] = kvView(*event.Previous)
		}
		return printJSON(a.out, data)
	}
	_, err := fmt.Fprintln(a.out, name)
	if event.Previous != nil {
		printKVs(a.out, []conclave.KV{*event.Previous})
	}
	printKVs(a.out, []conclave.KV{event.KV})
	return err
}

func (a *app) tellProgress(revision conclave.Revision) error {
	if a.format == formatJSON {
		return printJSON(a.out, map[string]any{"event": "PROGRESS", "revision": revision})
	}
	_, err := fmt.Fprintf(a.out, "progress notify: %d\n", revision)
	return err
}

func (a *app) runForEvent(ctx context.Context, name string, event conclave.Event, argv []string) error {
	env := append(a.environment(),
		"CONCLAVE_WATCH_EVENT="+name,
		"CONCLAVE_WATCH_REVISION="+event.Revision.String(),
		"CONCLAVE_WATCH_KEY="+event.KV.Key)
	if value := event.KV.String(); len(value) <= maxEnvValue && !strings.Contains(value, "\x00") {
		env = append(env, "CONCLAVE_WATCH_VALUE="+value)
	}
	command := child{argv: argv, env: env, in: io.Reader(strings.NewReader(event.KV.String()))}
	code, err := command.run(ctx, a)
	switch {
	case err != nil:
		return err
	case command.interrupted(ctx):
		return &exitError{code: code}
	case code != 0:
		return &exitError{code, fmt.Sprintf("the command failed with exit code %d for key %q at revision %d, so the watch ends", code, event.KV.Key, event.Revision)}
	}
	return nil
}
