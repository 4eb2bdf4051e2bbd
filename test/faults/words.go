package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/conclavehq/conclave/test/faults/spec"
)

// ofSpec are the flags of what a spec says, too.
var ofSpec = []string{"fault", "each", "seed", "nodes", "duration", "injections", "workloads", "rate", "every", "hold"}

// unclear says what of the flags cannot be meant: what a file of --spec says as well, or
// what has no value, as of an empty variable of a shell.
func unclear(flags *pflag.FlagSet, s spec.Spec, files []string) error {
	if flags.Changed("spec") {
		var beside []string
		for _, name := range ofSpec {
			if flags.Changed(name) {
				beside = append(beside, "--"+name)
			}
		}
		switch {
		case len(files) == 0:
			return errors.New("--spec names no file")
		case len(beside) > 0:
			return fmt.Errorf("--spec cannot have %s beside it: its files say that", strings.Join(beside, ", "))
		}
		return nil
	}
	switch {
	case s.Fault == "":
		return errors.New("--fault names no fault; a run without any has --fault none")
	case flags.Changed("workloads") && len(s.Workloads) == 0:
		return errors.New("--workloads names none; without the flag all of them run")
	}
	return s.Check()
}

// values are the types of flags, in words.
var values = map[string]string{
	"int": "a whole number", "int64": "a whole number", "uint64": "a whole number from 0 on", "float64": "a number",
	"duration": "a time such as 30s", "bool": "true or false",
}

// flagError tells a wrong value in words of the user.
func flagError(err error) error {
	var wrong *pflag.InvalidValueError
	if !errors.As(err, &wrong) || values[wrong.GetFlag().Value.Type()] == "" {
		return err
	}
	return fmt.Errorf("--%s takes %s, not %q", wrong.GetFlag().Name, values[wrong.GetFlag().Value.Type()], wrong.GetValue())
}

// none, atLeastOne and between are how many arguments a command takes; the error has its
// line of usage.
func none(cmd *cobra.Command, args []string) error { return between(0, 0)(cmd, args) }

func atLeastOne(cmd *cobra.Command, args []string) error {
	return between(1, max(1, len(args)))(cmd, args)
}

func between(least, most int) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		switch {
		case len(args) > most:
			return fmt.Errorf("%q is one argument too many; it is used as: %s", args[most], cmd.UseLine())
		case len(args) < least:
			return fmt.Errorf("an argument is missing; it is used as: %s", cmd.UseLine())
		}
		return nil
	}
}
