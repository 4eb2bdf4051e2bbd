package main

import (
	"fmt"
	"strconv"

	"github.com/spf13/cobra"

	conclave "github.com/conclavehq/conclave/sdk"
)

// txnParts are a transaction in the SDK's terms.
type txnParts struct {
	conditions       []conclave.Condition
	success, failure []conclave.Op
}

func (t txnText) parts() (parts txnParts, err error) {
	for _, c := range t.conditions {
		condition, err := c.build()
		if err != nil {
			return parts, misused("line %d: %w", c.line, err)
		}
		parts.conditions = append(parts.conditions, condition)
	}
	if parts.success, err = buildOps(t.success); err != nil {
		return parts, err
	}
	parts.failure, err = buildOps(t.failure)
	return parts, err
}

func (c condition) build() (conclave.Condition, error) {
	switch c.target {
	case "holds", "leads", "claims":
		return c.guard()
	}
	if len(c.args) > 2 {
		return nil, fmt.Errorf("%s has a key, or the two ends of a range", c.target)
	}
	switch c.target {
	case "value", "val":
		return compared(conclave.Value(c.args[0]), c, c.value)
	}
	number, err := strconv.ParseInt(c.value, 10, 64)
	if err != nil {
		return nil, fmt.Errorf("%s is compared with a number, not with %q", c.target, c.value)
	}
	switch c.target {
	case "version", "ver":
		return compared(conclave.Version(c.args[0]), c, number)
	case "create", "c":
		return compared(conclave.CreateRevision(c.args[0]), c, conclave.Revision(number))
	case "mod", "m":
		return compared(conclave.ModRevision(c.args[0]), c, conclave.Revision(number))
	case "lease":
		return compared(conclave.LeaseOf(c.args[0]), c, conclave.LeaseID(number))
	}
	return nil, fmt.Errorf("there is no condition %q: give value, version, create, mod, lease, holds, leads or claims", c.target)
}

func compared[T any](subject conclave.Subject[T], c condition, with T) (conclave.Condition, error) {
	if len(c.args) == 2 {
		subject = subject.Over(conclave.WithEnd(c.args[1]))
	}
	switch c.sign {
	case "=":
		return subject.Equal(with), nil
	case "!=":
		return subject.NotEqual(with), nil
	case ">":
		return subject.Greater(with), nil
	}
	return subject.Less(with), nil
}

func (c condition) guard() (conclave.Condition, error) {
	if c.sign != "=" {
		return nil, fmt.Errorf("%s is compared with =", c.target)
	}
	want := 1
	if c.target == "claims" {
		want = 2
	}
	if len(c.args) != want {
		return nil, fmt.Errorf(`give holds("mutex"), leads("election") or claims("queue", "job")`)
	}
	number, err := parseNumber(c.target, c.value)
	if err != nil {
		return nil, err
	}
	token := conclave.Token(number)
	switch c.target {
	case "holds":
		return conclave.MutexGuard(c.args[0], token), nil
	case "leads":
		return conclave.ElectionGuard(c.args[0], token), nil
	}
	job, err := parseNumber("job", c.args[1])
	return conclave.ClaimGuard(c.args[0], conclave.JobID(job), token), err
}

func buildOps(operations []operation) ([]conclave.Op, error) {
	var ops []conclave.Op
	for _, o := range operations {
		op, err := o.build()
		if err != nil {
			return nil, misused("line %d: %w", o.line, err)
		}
		ops = append(ops, op)
	}
	return ops, nil
}

// build reads an operation as the command of the same name does.
func (o operation) build() (op conclave.Op, err error) {
	root, txn := &cobra.Command{Use: "conclave"}, &cobra.Command{Use: "txn"}
	root.AddCommand(txn)
	txn.AddCommand(
		txnPut(&op), txnGet(&op), txnDel(&op), txnEnqueue(&op),
	)
	for _, cmd := range txn.Commands() {
		if cmd.Name() != o.words[0] {
			continue
		}
		cmd.Hidden = true
		if err := cmd.ParseFlags(o.words[1:]); err != nil {
			return op, wrongFlag(cmd, err)
		}
		args := cmd.Flags().Args()
		if err := cmd.Args(cmd, args); err != nil {
			return op, err
		}
		return op, cmd.RunE(cmd, args)
	}
	return op, fmt.Errorf("there is no operation %q: give put, get, del or enqueue", o.words[0])
}

func txnPut(op *conclave.Op) *cobra.Command {
	var (
		lease                              int64
		previous, ignoreValue, ignoreLease bool
	)
	cmd := &cobra.Command{Use: "put", Args: takes("KEY", "VALUE")}
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		options, err := putOptions(cmd, lease, ignoreValue, ignoreLease)
		if previous {
			options = append(options, conclave.WithPrevious())
		}
		*op = conclave.OpPut(args[0], args[1], options...)
		return err
	}
	cmd.Flags().Int64Var(&lease, "lease", 0, "")
	cmd.Flags().BoolVar(&previous, "prev-kv", false, "")
	cmd.Flags().BoolVar(&ignoreValue, "ignore-value", false, "")
	cmd.Flags().BoolVar(&ignoreLease, "ignore-lease", false, "")
	return cmd
}

func txnGet(op *conclave.Op) *cobra.Command {
	var flags getFlags
	cmd := &cobra.Command{Use: "get", Args: takes("KEY", "[RANGE-END]")}
	flags.define(cmd)
	cmd.RunE = func(_ *cobra.Command, args []string) error {
		key, span, err := flags.span.options(args)
		if err != nil {
			return err
		}
		options, _, err := flags.options()
		for _, option := range span {
			options = append(options, option)
		}
		*op = conclave.OpGet(key, options...)
		return err
	}
	return cmd
}

func txnDel(op *conclave.Op) *cobra.Command {
	var (
		flags    spanFlags
		previous bool
	)
	cmd := &cobra.Command{Use: "del", Args: takes("KEY", "[RANGE-END]")}
	flags.define(cmd)
	cmd.Flags().BoolVar(&previous, "prev-kv", false, "")
	cmd.RunE = func(_ *cobra.Command, args []string) error {
		key, span, err := flags.options(args)
		var options []conclave.DeleteOption
		for _, option := range span {
			options = append(options, option)
		}
		if previous {
			options = append(options, conclave.WithPrevious())
		}
		*op = conclave.OpDelete(key, options...)
		return err
	}
	return cmd
}

func txnEnqueue(op *conclave.Op) *cobra.Command {
	return &cobra.Command{Use: "enqueue", Args: takes("QUEUE", "BODY"), RunE: func(_ *cobra.Command, args []string) error {
		*op = conclave.OpEnqueue(args[0], []byte(args[1]))
		return nil
	}}
}
