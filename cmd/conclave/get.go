package main

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	conclave "github.com/conclavehq/conclave/sdk"
)

const getHelp = `Read keys: one, all with a prefix, or [KEY, RANGE-END).

Each key is followed by its value on a line of its own. A key that is not there
prints nothing, and the exit code is 0.`

const getExample = `  conclave get greeting
  conclave get --prefix config/ --keys-only
  conclave get --prefix "" --sort-by modify --order descend --limit 5
  conclave get --rev 17 greeting
  conclave get --print-value-only config/app > app.yaml`

type getFlags struct {
	span        spanFlags
	limit       int64
	revision    int64
	minModified int64
	sortBy      string
	order       string
	consistency string
	keysOnly    bool
	countOnly   bool
	valueOnly   bool
}

func (f *getFlags) define(cmd *cobra.Command) {
	f.span.define(cmd)
	set := cmd.Flags()
	set.Int64Var(&f.limit, "limit", 0, "at most this many keys; 0 for all")
	set.Int64Var(&f.revision, "rev", 0, "as of this revision; 0 for now")
	set.Int64Var(&f.minModified, "min-mod-rev", 0, "only what was written at this revision or later")
	set.StringVar(&f.sortBy, "sort-by", "", "key, version, create, modify or value")
	set.StringVar(&f.order, "order", "", "ascend or descend")
	set.StringVar(&f.consistency, "consistency", "l", "l: linearizable; s: what the node has, maybe stale, also without a majority")
	set.BoolVar(&f.keysOnly, "keys-only", false, "print keys without values")
	set.BoolVar(&f.countOnly, "count-only", false, "print how many keys there are")
	set.BoolVar(&f.valueOnly, "print-value-only", false, "print values without keys")
	offer(cmd, "sort-by", "key", "version", "create", "modify", "value")
	offer(cmd, "order", "ascend", "descend")
	offer(cmd, "consistency", "l", "s")
}

var sortTargets = map[string]conclave.SortBy{
	"": conclave.SortByKey, "key": conclave.SortByKey, "version": conclave.SortByVersion,
	"create": conclave.SortByCreated, "modify": conclave.SortByModified, "value": conclave.SortByValue,
}

// options reads the flags into what the SDK understands. plain tells that the
// order is that of the keys.
func (f *getFlags) options() (options []conclave.RangeOption, plain bool, err error) {
	for name, n := range map[string]int64{"--limit": f.limit, "--rev": f.revision, "--min-mod-rev": f.minModified} {
		if n < 0 {
			return nil, false, misused("%s %d: give 0 or more", name, n)
		}
	}
	target, ok := sortTargets[strings.ToLower(f.sortBy)]
	if !ok {
		return nil, false, misused("--sort-by %q: give key, version, create, modify or value", f.sortBy)
	}
	descend := false
	switch strings.ToLower(f.order) {
	case "", "ascend":
	case "descend":
		descend = true
	default:
		return nil, false, misused("--order %q: give ascend or descend", f.order)
	}
	plain = target == conclave.SortByKey && !descend
	if !plain {
		options = append(options, conclave.Sorted(target, descend))
	}
	switch f.consistency {
	case "l":
	case "s":
		options = append(options, conclave.Serializable(0))
	default:
		return nil, false, misused("--consistency %q: give l (linearizable) or s (serializable)", f.consistency)
	}
	if f.limit > 0 {
		options = append(options, conclave.WithLimit(f.limit))
	}
	if f.revision > 0 {
		options = append(options, conclave.AtRevision(conclave.Revision(f.revision)))
	}
	if f.minModified > 0 {
		options = append(options, conclave.ModifiedSince(conclave.Revision(f.minModified)))
	}
	if f.keysOnly {
		options = append(options, conclave.KeysOnly())
	}
	if f.countOnly {
		options = append(options, conclave.CountOnly())
	}
	return options, plain, nil
}

func newGetCommand(a *app) *cobra.Command {
	var flags getFlags
	cmd := &cobra.Command{
		Use:     "get KEY [RANGE-END]",
		Short:   "Read keys",
		Long:    getHelp,
		Example: getExample,
		Args:    takes("KEY", "[RANGE-END]"),
		RunE: func(cmd *cobra.Command, args []string) error {
			key, span, err := flags.span.options(args)
			if err != nil {
				return err
			}
			options, plain, err := flags.options()
			if err != nil {
				return err
			}
			for _, option := range span {
				options = append(options, option)
			}
			return a.call(cmd.Context(), func(ctx context.Context, c *conclave.Client) error {
				res, err := readRange(ctx, c, key, options, plain && !flags.countOnly, flags.limit)
				if err != nil {
					return err
				}
				return a.printRange(res, flags)
			})
		},
	}
	flags.define(cmd)
	return cmd
}

// readRange reads everything that was asked for. One answer is cut at 4 MiB; in
// the order of the keys the rest is read page by page, as of the same revision.
func readRange(ctx context.Context, c *conclave.Client, key string, options []conclave.RangeOption, pages bool, limit int64) (*conclave.RangeResult, error) {
	res, err := c.Range(ctx, key, options...)
	if err != nil || !res.More || !pages || limit > 0 && int64(len(res.KVs)) >= limit {
		return res, err
	}
	res.KVs, res.More = nil, false
	for kv, err := range c.All(ctx, key, append(options, conclave.AtRevision(res.Revision))...) {
		if err != nil {
			return nil, err
		}
		res.KVs = append(res.KVs, kv)
	}
	res.More = int64(len(res.KVs)) < res.Count
	return res, nil
}

func (a *app) printRange(res *conclave.RangeResult, flags getFlags) error {
	if res.More && flags.limit == 0 {
		a.note("the answer was cut; read it in the order of keys, or with --limit")
	}
	data := map[string]any{"revision": res.Revision, "count": res.Count, "more": res.More, "kvs": kvViews(res.KVs)}
	x := answer{data: data, head: kvHead, rows: kvRows(res.KVs)}
	if flags.countOnly {
		x.head, x.rows = []string{"COUNT"}, [][]string{{fmt.Sprint(res.Count)}}
	}
	x.plain = func(w io.Writer) {
		switch {
		case flags.countOnly:
			fmt.Fprintln(w, res.Count)
		case flags.keysOnly:
			for _, kv := range res.KVs {
				fmt.Fprintln(w, kv.Key)
			}
		case flags.valueOnly:
			for _, kv := range res.KVs {
				fmt.Fprintf(w, "%s\n", kv.Value)
			}
		default:
			printKVs(w, res.KVs)
		}
	}
	return a.print(x)
}
