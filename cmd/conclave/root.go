package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

const rootHelp = `Conclave is a coordination service: locks, elections, queues, leases, a registry
of services and versioned keys.

  conclave server                      runs a node
  conclave put greeting hello          talks to it

Every other command is a client. --endpoints (or CONCLAVE_ENDPOINTS) says where
the nodes are; any of them answers.

Exit codes: 0 done · 1 failed or refused · 2 wrong usage · 3 the service cannot
be reached or has no majority · 4 a lock, a leadership or a session was lost
while a command ran under it · 127 that command cannot be started. Errors are one
sentence on standard error.`

// run is the program without the process around it; it returns the exit code.
func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	a := &app{in: stdin, out: stdout, complaints: stderr}
	root := newRootCommand(a)
	root.SetArgs(args)
	root.SetIn(stdin)
	root.SetOut(stdout)
	root.SetErr(stderr)
	err := root.ExecuteContext(ctx)
	a.close()
	if err == nil {
		return exitOK
	}
	text, code := a.explain(ctx, err)
	if text != "" {
		fmt.Fprintf(stderr, "conclave: %s\n", text)
	}
	return code
}

func newRootCommand(a *app) *cobra.Command {
	root := &cobra.Command{
		Use:           "conclave",
		Short:         "Locks, elections, queues, leases, services and versioned keys",
		Long:          rootHelp,
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          noSuchCommand,
		RunE:          showHelp,
	}
	root.CompletionOptions.HiddenDefaultCmd = false
	root.SetFlagErrorFunc(wrongFlag)
	a.flags(root.PersistentFlags())
	offer(root, "write-out", formatSimple, formatJSON, formatTable)
	root.PersistentPreRunE = a.check

	serverCommand := newServerCommand()
	// The client's flags mean nothing to a node.
	serverCommand.SetHelpTemplate(withoutGlobalFlags(serverCommand.HelpTemplate()))
	serverCommand.SetUsageTemplate(withoutGlobalFlags(serverCommand.UsageTemplate()))

	root.AddGroup(
		&cobra.Group{ID: "keys", Title: "Keys and leases:"},
		&cobra.Group{ID: "recipes", Title: "Coordination:"},
		&cobra.Group{ID: "cluster", Title: "Cluster:"},
	)
	add := func(group string, commands ...*cobra.Command) {
		for _, c := range commands {
			c.GroupID = group
			root.AddCommand(c)
		}
	}
	add("keys", keyCommands(a)...)
	add("recipes", recipeCommands(a)...)
	add("cluster", serverCommand)
	add("cluster", clusterCommands(a)...)
	root.InitDefaultHelpCmd()
	root.InitDefaultCompletionCmd()
	for _, c := range root.Commands() {
		switch c.Name() {
		case "completion":
			c.Args, c.RunE = noSuchCommand, showHelp
		case "help":
			c.Args = noSuchTopic
		}
	}
	strict(root)
	return root
}

// strict makes the complaints of argument checks that are not ours wrong usage.
func strict(cmd *cobra.Command) {
	if check := cmd.Args; check != nil {
		cmd.Args = func(cmd *cobra.Command, args []string) error {
			err := check(cmd, args)
			if err == nil || errors.As(err, new(usageError)) {
				return err
			}
			return misused("%w: %s", err, see(cmd))
		}
	}
	for _, below := range cmd.Commands() {
		strict(below)
	}
}

// newGroup makes a command that only holds others, e.g. `conclave lease`.
func newGroup(name, short, long string, commands ...*cobra.Command) *cobra.Command {
	group := &cobra.Command{
		Use:   name,
		Short: short,
		Long:  long,
		Args:  noSuchCommand,
		RunE:  showHelp,
	}
	group.AddCommand(commands...)
	return group
}

func showHelp(cmd *cobra.Command, _ []string) error { return cmd.Help() }

// usageError is a command line that cannot be understood.
type usageError struct{ err error }

func (e usageError) Error() string { return e.err.Error() }
func (e usageError) Unwrap() error { return e.err }

func misused(format string, args ...any) error { return usageError{fmt.Errorf(format, args...)} }

// noSuchCommand refuses the arguments of a command that only holds others.
func noSuchCommand(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	hint := ""
	cmd.SuggestionsMinimumDistance = 2
	if near := cmd.SuggestionsFor(args[0]); len(near) > 0 {
		hint = fmt.Sprintf(" (perhaps %q)", near[0])
	}
	return misused("there is no command %q%s: %s", cmd.CommandPath()+" "+args[0], hint, see(cmd))
}

// noSuchTopic refuses help for a command that does not exist.
func noSuchTopic(cmd *cobra.Command, args []string) error {
	topic, rest, err := cmd.Root().Find(args)
	if err != nil || topic == nil {
		return noSuchCommand(cmd.Root(), args)
	}
	if len(rest) > 0 {
		return noSuchCommand(topic, rest)
	}
	return nil
}

// title is a command's name in a sentence that begins with "conclave: ".
func title(cmd *cobra.Command) string {
	return strings.TrimPrefix(cmd.CommandPath(), "conclave ")
}

// see says where help is: the operations of txn have none of their own.
func see(cmd *cobra.Command) string {
	for cmd.Hidden && cmd.HasParent() {
		cmd = cmd.Parent()
	}
	return "see " + cmd.CommandPath() + " --help"
}

// wrongFlag turns the flag library's complaint into a sentence with a hint.
func wrongFlag(cmd *cobra.Command, err error) error {
	var (
		unknown *pflag.NotExistError
		missing *pflag.ValueRequiredError
		invalid *pflag.InvalidValueError
	)
	switch {
	case errors.As(err, &unknown):
		name, short := unknown.GetSpecifiedName(), unknown.GetSpecifiedShortnames()
		switch {
		case short == "":
			return misused("%s has no flag --%s: %s", title(cmd), name, see(cmd))
		case strings.Trim(name, "0123456789.") == "":
			return misused("%s: -%s begins with a dash as flags do: put -- before it if it is meant as a value", title(cmd), short)
		}
		return misused("%s has no flag -%s: %s", title(cmd), name, see(cmd))
	case errors.As(err, &missing):
		return misused("--%s needs a value: %s", missing.GetFlag().Name, see(cmd))
	case errors.As(err, &invalid):
		name, why := "--"+invalid.GetFlag().Name, invalid.Unwrap().Error()
		switch kind := invalid.GetFlag().Value.Type(); kind {
		case "int", "int32", "int64", "uint64", "uint32":
			why = "give a whole number"
		case "duration":
			why = durationRule
		case "bool":
			why = "give true or false"
		}
		return misused("%s %q: %s", name, invalid.GetValue(), why)
	}
	return misused("%w: %s", err, see(cmd))
}

// withoutGlobalFlags cuts the section of inherited flags from a cobra template.
func withoutGlobalFlags(template string) string {
	const begin, end = "{{if .HasAvailableInheritedFlags}}", "{{end}}"
	before, rest, ok := strings.Cut(template, begin)
	if !ok {
		return template
	}
	_, after, _ := strings.Cut(rest, end)
	return before + after
}
