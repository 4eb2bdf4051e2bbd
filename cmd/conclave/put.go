package main

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	conclave "github.com/conclavehq/conclave/sdk"
)

const putHelp = `Write one key. Without VALUE, the value is read from standard input.

--hold makes the write fail unless a hold is current when it is committed:

  mutex:NAME:TOKEN          the mutex is held with this token
  election:NAME:TERM        the election is led in this term
  claim:QUEUE:JOB:RECEIPT   the job is claimed with this receipt`

const putExample = `  conclave put greeting hello
  conclave put config/app < app.yaml
  conclave put --lease $id worker/7 alive
  conclave put --hold mutex:invoice/42:17 invoice/42/state sent
  conclave put -- temperature -5`

func newPutCommand(a *app) *cobra.Command {
	var (
		lease                    int64
		previous                 bool
		ignoreValue, ignoreLease bool
		holds                    []string
	)
	cmd := &cobra.Command{
		Use:     "put KEY [VALUE]",
		Short:   "Write a key",
		Long:    putHelp,
		Example: putExample,
		Args:    takes("KEY", "[VALUE]"),
		RunE: func(cmd *cobra.Command, args []string) error {
			guards, err := parseHolds(holds)
			if err != nil {
				return err
			}
			options, err := putOptions(cmd, lease, ignoreValue, ignoreLease)
			if err != nil {
				return err
			}
			value := ""
			switch {
			case ignoreValue && len(args) > 1:
				return misused("--ignore-value keeps the value that is there: leave %q out", args[1])
			case len(args) > 1:
				value = args[1]
			case !ignoreValue:
				if value, err = a.readAll(); err != nil {
					return err
				}
			}
			return a.call(cmd.Context(), func(ctx context.Context, c *conclave.Client) error {
				if previous {
					return a.putPrevious(ctx, c, args[0], value, guards, options)
				}
				for _, guard := range guards {
					options = append(options, guard)
				}
				revision, err := c.Put(ctx, args[0], value, options...)
				if err != nil {
					return err
				}
				return a.printDone(revision)
			})
		},
	}
	set := cmd.Flags()
	set.Int64Var(&lease, "lease", 0, "delete the key when this lease ends")
	set.BoolVar(&previous, "prev-kv", false, "print what the key was before")
	set.BoolVar(&ignoreValue, "ignore-value", false, "keep the value, e.g. to change the lease")
	set.BoolVar(&ignoreLease, "ignore-lease", false, "keep the lease")
	defineHold(cmd, &holds)
	return cmd
}

func putOptions(cmd *cobra.Command, lease int64, ignoreValue, ignoreLease bool) ([]conclave.PutOption, error) {
	var options []conclave.PutOption
	if cmd.Flags().Changed("lease") {
		if lease < 1 {
			return nil, misused("--lease %d: give the id that conclave lease grant printed", lease)
		}
		options = append(options, conclave.WithLease(conclave.LeaseID(lease)))
	}
	if ignoreValue {
		options = append(options, conclave.KeepValue())
	}
	if ignoreLease {
		options = append(options, conclave.KeepLease())
	}
	return options, nil
}

// printDone is the answer of a write that has nothing to say.
func (a *app) printDone(revision conclave.Revision) error {
	return a.printOne(map[string]any{"revision": revision}, "OK", []string{"REVISION"}, revision.String())
}

// putPrevious is a transaction, because that can answer with what was there.
func (a *app) putPrevious(ctx context.Context, c *conclave.Client, key, value string, guards []conclave.Guard, options []conclave.PutOption) error {
	options = append(options, conclave.WithPrevious())
	res, err := c.Txn().If(conditions(guards)...).Then(conclave.OpPut(key, value, options...)).Commit(ctx)
	if err != nil {
		return err
	}
	data := map[string]any{"revision": res.Revision}
	var before []conclave.KV
	if kv := res.Results[0].Previous; kv != nil {
		before = append(before, *kv)
		data["previous"] = kvView(*kv)
	}
	return a.print(answer{data: data, head: kvHead, rows: kvRows(before), plain: func(w io.Writer) {
		fmt.Fprintln(w, "OK")
		printKVs(w, before)
	}})
}
