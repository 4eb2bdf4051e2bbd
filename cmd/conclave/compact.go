package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	conclave "github.com/conclavehq/conclave/sdk"
)

const compactHelp = `Forget the history of keys before a revision. What is current stays; reads and
watches at older revisions are refused from then on.`

func newCompactCommand(a *app) *cobra.Command {
	return &cobra.Command{
		Use:     "compact REVISION",
		Aliases: []string{"compaction"},
		Short:   "Forget the history before a revision",
		Long:    compactHelp,
		Example: "  conclave compact 1000",
		Args:    takes("REVISION"),
		RunE: func(cmd *cobra.Command, args []string) error {
			revision, err := parseNumber("REVISION", args[0])
			if err != nil {
				return err
			}
			return a.call(cmd.Context(), func(ctx context.Context, c *conclave.Client) error {
				if err := c.Compact(ctx, conclave.Revision(revision)); err != nil {
					return err
				}
				return a.printOne(map[string]any{"compacted_revision": revision},
					fmt.Sprintf("compacted revision %d", revision), []string{"COMPACTED"}, args[0])
			})
		},
	}
}
