package main

import (
	"strings"

	"github.com/spf13/cobra"

	conclave "github.com/conclavehq/conclave/sdk"
)

const holdRule = "give mutex:NAME:TOKEN, election:NAME:TERM or claim:QUEUE:JOB:RECEIPT"

// defineHold is for writes that depend on a hold.
func defineHold(cmd *cobra.Command, holds *[]string) {
	cmd.Flags().StringArrayVar(holds, "hold", nil, "fail unless this hold is current: mutex:NAME:TOKEN, election:NAME:TERM or claim:QUEUE:JOB:RECEIPT")
}

// parseHolds reads the values of --hold. A name may have colons itself: the
// numbers are at the end.
func parseHolds(given []string) ([]conclave.Guard, error) {
	var guards []conclave.Guard
	for _, hold := range given {
		guard, err := parseHold(hold)
		if err != nil {
			return nil, err
		}
		guards = append(guards, guard)
	}
	return guards, nil
}

func parseHold(hold string) (conclave.Guard, error) {
	wrong := misused("--hold %q: %s", hold, holdRule)
	kind, rest, _ := strings.Cut(hold, ":")
	name, last, ok := cutLast(rest)
	if !ok {
		return conclave.Guard{}, wrong
	}
	token, err := parseNumber("--hold "+hold+": token", last)
	if err != nil {
		return conclave.Guard{}, err
	}
	switch kind {
	case "mutex":
		return conclave.MutexGuard(name, conclave.Token(token)), nil
	case "election":
		return conclave.ElectionGuard(name, conclave.Token(token)), nil
	case "claim":
		queue, id, ok := cutLast(name)
		if !ok {
			return conclave.Guard{}, wrong
		}
		job, err := parseNumber("--hold "+hold+": job", id)
		return conclave.ClaimGuard(queue, conclave.JobID(job), conclave.Token(token)), err
	}
	return conclave.Guard{}, wrong
}

// cutLast cuts at the last colon; both parts have to be there.
func cutLast(s string) (before, after string, ok bool) {
	i := strings.LastIndexByte(s, ':')
	if i <= 0 || i == len(s)-1 {
		return "", "", false
	}
	return s[:i], s[i+1:], true
}

// conditions makes guards what Txn.If takes.
func conditions(guards []conclave.Guard) []conclave.Condition {
	var all []conclave.Condition
	for _, guard := range guards {
		all = append(all, guard)
	}
	return all
}
