package main

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	conclave "github.com/conclavehq/conclave/sdk"
)

const delHelp = `Delete keys: one, all with a prefix, or [KEY, RANGE-END). It prints how many
there were; to delete what is not there is no error.

--hold works as in conclave put.`

const delExample = `  conclave del greeting
  conclave del --prefix --prev-kv config/
  conclave del --hold mutex:cleanup:17 --prefix uploads/`

func newDelCommand(a *app) *cobra.Command {
	var (
		flags    spanFlags
		previous bool
		holds    []string
	)
	cmd := &cobra.Command{
		Use:     "del KEY [RANGE-END]",
		Aliases: []string{"delete"},
		Short:   "Delete keys",
		Long:    delHelp,
		Example: delExample,
		Args:    takes("KEY", "[RANGE-END]"),
		RunE: func(cmd *cobra.Command, args []string) error {
			key, span, err := flags.options(args)
			if err != nil {
				return err
			}
			guards, err := parseHolds(holds)
			if err != nil {
				return err
			}
			var options []conclave.DeleteOption
			for _, option := range span {
				options = append(options, option)
			}
			for _, guard := range guards {
				options = append(options, guard)
			}
			if previous {
				options = append(options, conclave.WithPrevious())
			}
			return a.call(cmd.Context(), func(ctx context.Context, c *conclave.Client) error {
				deleted, err := c.Delete(ctx, key, options...)
				if err != nil {
					return err
				}
				data := map[string]any{"revision": deleted.Revision, "deleted": deleted.Count}
				if previous {
					data["previous"] = kvViews(deleted.Previous)
				}
				return a.print(answer{
					data: data,
					head: []string{"DELETED", "REVISION"},
					rows: [][]string{{fmt.Sprint(deleted.Count), deleted.Revision.String()}},
					plain: func(w io.Writer) {
						fmt.Fprintln(w, deleted.Count)
						printKVs(w, deleted.Previous)
					},
				})
			})
		},
	}
	flags.define(cmd)
	cmd.Flags().BoolVar(&previous, "prev-kv", false, "print what was deleted")
	defineHold(cmd, &holds)
	return cmd
}
