package main

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	conclave "github.com/conclavehq/conclave/sdk"
)

const txnHelp = `Compare and then write, in one commit. The transaction is read from standard
input: conditions, a blank line, what to do when all of them hold, a blank line,
what to do otherwise.

Conditions compare a key, or all keys in [KEY, END), with =, !=, < or >:

  value("key") = "text"      mod("key") > "0"     (revision of the last write)
  version("key") = "1"       create("key") = "0"  (the key does not exist)
  lease("key") != "7"        value("a", "b") = "text"

A hold is not a condition that chooses what is done: if it is not current, the
transaction is refused, with exit code 1.

  holds("mutex") = "17"      leads("election") = "21"      claims("queue", "3") = "25"

Operations are put, get and del with their flags, and enqueue QUEUE BODY. Words
with spaces are put in "double quotes" (Go's escapes) or 'single quotes'.

SUCCESS or FAILURE says which list was done; both are exit code 0.`

const txnExample = `  conclave txn <<'END'
  version("config") = "0"
  holds("config-lock") = "17"

  put config 'first version'

  get config
  END

  conclave txn --hold mutex:invoice/42:17 < change.txt`

func newTxnCommand(a *app) *cobra.Command {
	var (
		holds       []string
		interactive bool
	)
	cmd := &cobra.Command{
		Use:     "txn",
		Short:   "Compare and then write, in one commit",
		Long:    txnHelp,
		Example: txnExample,
		Args:    takes(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			guards, err := parseHolds(holds)
			if err != nil {
				return err
			}
			prompt := func(section string) {
				if interactive {
					fmt.Fprintf(a.complaints, "%s:\n", section)
				}
			}
			written, err := parseTxn(a.in, prompt)
			if err != nil {
				return err
			}
			parts, err := written.parts()
			if err != nil {
				return err
			}
			return a.call(cmd.Context(), func(ctx context.Context, c *conclave.Client) error {
				txn := c.Txn().If(conditions(guards)...).If(parts.conditions...).Then(parts.success...).Else(parts.failure...)
				res, err := txn.Commit(ctx)
				if err != nil {
					return err
				}
				return a.printTxn(res)
			})
		},
	}
	cmd.Flags().BoolVarP(&interactive, "interactive", "i", false, "say what is expected next")
	defineHold(cmd, &holds)
	return cmd
}

func (a *app) printTxn(res *conclave.TxnResult) error {
	outcome := "FAILURE"
	if res.Succeeded {
		outcome = "SUCCESS"
	}
	data := map[string]any{"revision": res.Revision, "succeeded": res.Succeeded, "results": opViews(res.Results)}
	var rows [][]string
	for i, result := range res.Results {
		rows = append(rows, []string{outcome, fmt.Sprint(i + 1), opSummary(result)})
	}
	return a.print(answer{data: data, head: []string{"OUTCOME", "OPERATION", "RESULT"}, rows: rows, plain: func(w io.Writer) {
		fmt.Fprintln(w, outcome)
		for _, result := range res.Results {
			fmt.Fprintln(w)
			printOp(w, result)
		}
	}})
}

// opJSON is what one operation did; exactly one of the fields is set, none for
// a put that was not asked for what was before.
type opJSON struct {
	Range    []kvJSON       `json:"range,omitempty"`
	Count    *int64         `json:"count,omitempty"`
	Deleted  *int64         `json:"deleted,omitempty"`
	Previous []kvJSON       `json:"previous,omitempty"`
	Job      conclave.JobID `json:"job_id,omitempty"`
}

func opViews(results []conclave.OpResult) []opJSON {
	views := []opJSON{}
	for _, r := range results {
		var view opJSON
		switch {
		case r.Range != nil:
			view.Range, view.Count = kvViews(r.Range.KVs), &r.Range.Count
		case r.Deleted != nil:
			view.Previous, view.Deleted = kvViews(r.Deleted.Previous), &r.Deleted.Count
		case r.Previous != nil:
			view.Previous = []kvJSON{kvView(*r.Previous)}
		case r.Job != 0:
			view.Job = r.Job
		}
		views = append(views, view)
	}
	return views
}

func opSummary(r conclave.OpResult) string {
	switch {
	case r.Range != nil:
		return fmt.Sprintf("%d keys", r.Range.Count)
	case r.Deleted != nil:
		return fmt.Sprintf("%d deleted", r.Deleted.Count)
	case r.Job != 0:
		return fmt.Sprintf("job %d", r.Job)
	}
	return "OK"
}

func printOp(w io.Writer, r conclave.OpResult) {
	switch {
	case r.Range != nil && len(r.Range.KVs) == 0 && r.Range.Count > 0:
		fmt.Fprintln(w, r.Range.Count) // --count-only
	case r.Range != nil:
		printKVs(w, r.Range.KVs)
	case r.Deleted != nil:
		fmt.Fprintln(w, r.Deleted.Count)
		printKVs(w, r.Deleted.Previous)
	case r.Job != 0:
		fmt.Fprintln(w, r.Job)
	default:
		fmt.Fprintln(w, "OK")
		if r.Previous != nil {
			printKVs(w, []conclave.KV{*r.Previous})
		}
	}
}
