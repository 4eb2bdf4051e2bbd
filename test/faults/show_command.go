package main

import (
	"fmt"
	"path/filepath"
	"regexp"
	"time"

	"github.com/spf13/cobra"

	"github.com/conclavehq/conclave/test/faults/history"
	"github.com/conclavehq/conclave/test/faults/run"
)

func showCommand() *cobra.Command {
	var from, to time.Duration
	cmd := &cobra.Command{
		Use:   "show RUN [REGEXP]",
		Short: "Print the history of a run as text, or the lines of it that match",
		Long: `Prints a line for each record: its number, client, times since the run began, what was
asked and what was answered. A violation names the numbers of the records that prove it.`,
		Example: `  go run ./test/faults show runs/F01-42 '"orders/7"'
  go run ./test/faults show runs/F01-42 --from 12s --to 14s`,
		Args: between(1, 2),
		RunE: func(cmd *cobra.Command, args []string) error {
			match := regexp.MustCompile("")
			if len(args) == 2 {
				var err error
				if match, err = regexp.Compile(args[1]); err != nil {
					return fmt.Errorf("%q is no regular expression: %w", args[1], err)
				}
			}
			records, err := history.Read(filepath.Join(args[0], run.HistoryFile))
			for i := range records {
				r := &records[i]
				if r.Return < from || to > 0 && r.Call > to {
					continue
				}
				if line := fmt.Sprintf("%7d %s", i, r); match.MatchString(line) {
					fmt.Println(line)
				}
			}
			return err
		},
	}
	cmd.Flags().DurationVar(&from, "from", 0, "leave out what ended earlier")
	cmd.Flags().DurationVar(&to, "to", 0, "leave out what began later")
	return cmd
}
