package main

import (
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

const durationRule = "give a time with its unit, such as 10s, 500ms or 1h30m"

// neverEmpty are the arguments that name something.
var neverEmpty = []string{"NAME", "QUEUE", "SERVICE", "INSTANCE", "ADDRESS"}

// takes checks that as many arguments are there as the usage line says:
// `takes("NAME", "[VALUE]")`.
func takes(names ...string) cobra.PositionalArgs {
	required := 0
	for _, name := range names {
		if !strings.HasPrefix(name, "[") {
			required++
		}
	}
	return func(cmd *cobra.Command, args []string) error {
		if len(args) < required {
			return misused("%s: %s is missing: %s", title(cmd), names[len(args)], see(cmd))
		}
		if len(args) > len(names) {
			return misused("%s: there is no use for %q: %s", title(cmd), args[len(names)], see(cmd))
		}
		for i, arg := range args {
			what := strings.Trim(names[i], "[]")
			if arg == "" && slices.Contains(neverEmpty, what) {
				return misused("%s: %s is empty: %s", title(cmd), what, see(cmd))
			}
			if what != "VALUE" && what != "BODY" && !utf8.ValidString(arg) {
				return misused("%s %q is not valid UTF-8: names and keys are text", what, arg)
			}
		}
		return nil
	}
}

// textFlags refuses flags that are not text.
func textFlags(cmd *cobra.Command) (err error) {
	cmd.Flags().Visit(func(f *pflag.Flag) {
		if !utf8.ValidString(f.Value.String()) {
			err = misused("--%s %q is not valid UTF-8", f.Name, f.Value.String())
		}
	})
	return err
}

// takesCommand is takes for what may end with -- COMMAND.
func takesCommand(names ...string) cobra.PositionalArgs {
	check := takes(names...)
	return func(cmd *cobra.Command, args []string) error {
		own, command := split(cmd, args)
		switch {
		case command == nil && len(own) > len(names):
			return misused("%s: there is no use for %q: put -- before a command that shall be run", title(cmd), own[len(names)])
		case command != nil && len(command) == 0:
			return misused("%s: no command follows after --", title(cmd))
		}
		return check(cmd, own)
	}
}

// split separates the arguments from the command after --, which is nil without.
func split(cmd *cobra.Command, args []string) (own, command []string) {
	dash := cmd.ArgsLenAtDash()
	if dash < 0 {
		return args, nil
	}
	return args[:dash:dash], args[dash:]
}

// optionalArg is the argument, or nothing.
func optionalArg(args []string) string {
	if len(args) == 0 {
		return ""
	}
	return args[0]
}

// parseDuration reads a duration argument.
func parseDuration(what, given string) (time.Duration, error) {
	d, err := time.ParseDuration(given)
	if err != nil {
		return 0, misused("%s %q: %s", what, given, durationRule)
	}
	return d, nil
}

// parseNumber reads a token, lease id, job id or revision: all start at 1.
func parseNumber(what, given string) (int64, error) {
	n, err := strconv.ParseInt(given, 10, 64)
	if err != nil || n < 1 {
		return 0, misused("%s %q: give a whole number of 1 or more", what, given)
	}
	return n, nil
}

// notNegative refuses flags of a duration below zero.
func notNegative(cmd *cobra.Command, flags ...string) error {
	for _, name := range flags {
		if d, err := cmd.Flags().GetDuration(name); err == nil && d < 0 {
			return misused("--%s %s: give 0 or more", name, d)
		}
	}
	return nil
}

// Bounds of what is given, as the service has them.
const (
	minTTL       = 100 * time.Millisecond
	maxTTL       = 24 * time.Hour
	maxWait      = 10 * time.Minute
	maxLockDelay = time.Minute
	maxPriority  = 1000
)

func checkPriority(priority int) error {
	if priority < -maxPriority || priority > maxPriority {
		return misused("--priority %d: give -%d to %d", priority, maxPriority, maxPriority)
	}
	return nil
}

func checkTTL(what string, ttl time.Duration) error {
	if ttl < minTTL || ttl > maxTTL {
		return misused("%s %s: give a time from %s to %s", what, short(ttl), short(minTTL), short(maxTTL))
	}
	return nil
}

// readAll reads standard input, e.g. a value that was not given as argument.
func (a *app) readAll() (string, error) {
	data, err := io.ReadAll(a.in)
	if err != nil {
		return "", fmt.Errorf("cannot read standard input: %w", err)
	}
	return string(data), nil
}
