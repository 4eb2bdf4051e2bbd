package main

import (
	"context"
	"iter"
	"strings"
	"time"

	"github.com/spf13/cobra"

	conclave "github.com/conclavehq/conclave/sdk"
)

// completionPatience is how long a shell may be kept waiting for names.
const completionPatience = time.Second

// names lists what exists and begins with a prefix.
type names func(ctx context.Context, c *conclave.Client, prefix string) iter.Seq2[string, error]

var (
	mutexNames names = func(ctx context.Context, c *conclave.Client, prefix string) iter.Seq2[string, error] {
		return named(c.Mutexes(ctx, prefix), func(m *conclave.MutexInfo) string { return m.Name })
	}
	electionNames names = func(ctx context.Context, c *conclave.Client, prefix string) iter.Seq2[string, error] {
		return named(c.Elections(ctx, prefix), func(e *conclave.ElectionInfo) string { return e.Name })
	}
	queueNames names = func(ctx context.Context, c *conclave.Client, prefix string) iter.Seq2[string, error] {
		return named(c.Queues(ctx, prefix), func(q *conclave.QueueStats) string { return q.Queue })
	}
	serviceNames names = func(ctx context.Context, c *conclave.Client, prefix string) iter.Seq2[string, error] {
		return named(c.Services(ctx, prefix), func(s conclave.ServiceInfo) string { return s.Service })
	}
	namespaceNames names = func(ctx context.Context, c *conclave.Client, prefix string) iter.Seq2[string, error] {
		return func(yield func(string, error) bool) {
			all, err := c.Namespaces(ctx)
			if err != nil {
				yield("", err)
				return
			}
			for _, n := range all {
				if strings.HasPrefix(n.Name, prefix) && !yield(n.Name, nil) {
					return
				}
			}
		}
	}
)

func named[T any](all iter.Seq2[T, error], name func(T) string) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		for item, err := range all {
			if err != nil {
				yield("", err)
				return
			}
			if !yield(name(item), nil) {
				return
			}
		}
	}
}

// complete offers names for the first argument. When the service does not
// answer at once it offers none.
func (a *app) complete(list names) cobra.CompletionFunc {
	return func(cmd *cobra.Command, args []string, begun string) ([]string, cobra.ShellCompDirective) {
		const most = 100
		if len(args) > 0 {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		ctx, cancel := context.WithTimeout(cmd.Context(), completionPatience)
		defer cancel()
		c, err := a.dial(ctx)
		if err != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		var found []string
		for name, err := range list(ctx, c, begun) {
			if err != nil || len(found) == most {
				break
			}
			found = append(found, name)
		}
		return found, cobra.ShellCompDirectiveNoFileComp
	}
}

// offer completes the values of a flag.
func offer(cmd *cobra.Command, flag string, values ...string) {
	complete := cobra.FixedCompletions(values, cobra.ShellCompDirectiveNoFileComp)
	if err := cmd.RegisterFlagCompletionFunc(flag, complete); err != nil {
		panic(err) // there is no such flag
	}
}
