package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"

	conclave "github.com/conclavehq/conclave/sdk"
)

// Exit codes of every command.
const (
	exitOK      = 0
	exitFailed  = 1 // the operation failed, or the service refused it
	exitUsage   = 2 // the command line makes no sense
	exitNoReach = 3 // nobody answered, or no majority is there to decide
	exitLost    = 4 // what a command ran under was lost

	exitNoCommand = 127 // the command to be run cannot be started; as shells have it
)

// exitError ends the program with a code. Without a sentence nothing is printed:
// what is to be said was said already, by a child or as an answer.
type exitError struct {
	code     int
	sentence string
}

func (e *exitError) Error() string { return e.sentence }

// lost is the end of a command because what it ran under is gone.
func lost(what string, cause error) error {
	return &exitError{exitLost, what + ": " + reasonOf(cause)}
}

// explain turns what went wrong into the one sentence that the user gets, and
// the exit code.
func (a *app) explain(ctx context.Context, err error) (string, int) {
	var (
		exit    *exitError
		usage   usageError
		service *conclave.Error
	)
	switch {
	case errors.As(err, &exit):
		return oneLine(exit.sentence), exit.code
	case errors.As(err, &usage):
		return oneLine(usageText(usage)), exitUsage
	case ctx.Err() != nil && errors.Is(err, context.Canceled):
		return "interrupted; what was asked for may have happened all the same", exitFailed
	case errors.As(err, &service):
		text, code := a.explainService(service)
		return oneLine(text), code
	case errors.Is(err, context.DeadlineExceeded):
		return a.silent(), exitNoReach
	}
	return oneLine(err.Error()), exitFailed
}

// usageText prefers the SDK's plain message over its error with operation.
func usageText(usage usageError) string {
	var service *conclave.Error
	if text := usage.Error(); !errors.As(usage.err, &service) {
		return text
	}
	return strings.Replace(usage.Error(), service.Error(), service.Message, 1)
}

func (a *app) explainService(e *conclave.Error) (string, int) {
	switch {
	case errors.Is(e, conclave.ErrOutcomeUnknown) && errors.Is(e, conclave.ErrNoQuorum):
		return during(e, "it may or may not have happened, because a majority of the nodes was lost before the answer; read the state when it is back"), exitNoReach
	case errors.Is(e, conclave.ErrOutcomeUnknown):
		return during(e, "it may or may not have happened, because no answer came; read the state before you try again"), exitNoReach
	case errors.Is(e, conclave.ErrUnavailable):
		return during(e, a.unreachable(e)), exitNoReach
	case errors.Is(e, conclave.ErrNoQuorum):
		return during(e, "no majority of the nodes answers, so nothing happened; see which are missing with conclave endpoint status"), exitNoReach
	case errors.Is(e, conclave.ErrOverloaded):
		return during(e, e.Message), exitNoReach
	case errors.Is(e, conclave.ErrNoSpace):
		return during(e, e.Message), exitNoReach
	case errors.Is(e, conclave.ErrWaitTimeout) && e.Holder == nil:
		return during(e, "the wait is over; give a longer --wait"), exitFailed
	case errors.Is(e, conclave.ErrStaleToken), errors.Is(e, conclave.ErrStaleReceipt), errors.Is(e, conclave.ErrGuardFailed):
		return told(reasonOf(e), "the current one is", int64(e.Token)), exitFailed
	case errors.Is(e, conclave.ErrCompacted):
		return told(reasonOf(e), "the first readable one is", int64(e.Revision)), exitFailed
	case errors.Is(e, conclave.ErrNamespaceNotFound) && !strings.HasPrefix(e.Op, "delete namespace"):
		return reasonOf(e) + "; see conclave namespace list, or create it with conclave namespace create", exitFailed
	case errors.Is(e, conclave.ErrSessionExpired):
		return during(e, "the service did not answer within the session's TTL, so what it held may be free; check with conclave endpoint health"), exitNoReach
	}
	return reasonOf(e), exitFailed
}

// unreachable says which endpoints gave no answer, and how to find out more.
func (a *app) unreachable(e *conclave.Error) string {
	why := networkReason(e)
	if len(a.endpoints) == 1 && strings.Contains(why, "not a Conclave client port") {
		return why + "; name one with " + a.endpointsFlag() + ", such as " + defaultEndpoint
	}
	if len(a.endpoints) == 1 {
		return fmt.Sprintf("cannot reach %s (%s); check that a node runs there, or name another one with %s", a.endpoints[0], why, a.endpointsFlag())
	}
	return fmt.Sprintf("none of %s answers (last: %s); check that the nodes run, or name others with %s", strings.Join(a.endpoints, ", "), why, a.endpointsFlag())
}

// networkReason is the shortest text that says why there was no answer.
func networkReason(err error) string {
	var (
		network *net.OpError
		service *conclave.Error
	)
	switch {
	case errors.As(err, &network):
		return network.Err.Error()
	case errors.As(err, &service):
		return strings.ReplaceAll(service.Message, "\n", "; ")
	}
	return err.Error()
}

func (a *app) silent() string {
	return fmt.Sprintf("no answer from %s within %s; check it with conclave endpoint health, or give a longer --timeout", strings.Join(a.endpoints, ", "), a.timeout)
}

// reasonOf is the sentence of an error without what is beneath it.
func reasonOf(err error) string {
	var e *conclave.Error
	if !errors.As(err, &e) {
		return err.Error()
	}
	text := userWords(e.Message)
	if text == "" {
		text = string(e.Reason)
	}
	if e.Holder != nil {
		text += "; held by " + e.Holder.String()
	}
	return during(e, text)
}

// during puts before a text what was tried. A name in it may be long.
func during(e *conclave.Error, text string) string {
	const most = 120
	op := []rune(e.Op)
	switch {
	case len(op) == 0:
		return text
	case len(op) > most:
		return string(op[:most]) + "…: " + text
	}
	return e.Op + ": " + text
}

// told adds a number that helps, unless the sentence has it already.
func told(sentence, what string, number int64) string {
	if number == 0 || strings.Contains(sentence, strconv.FormatInt(number, 10)) {
		return sentence
	}
	return fmt.Sprintf("%s (%s %d)", sentence, what, number)
}

// oneLine keeps the promise that an error is one line, whatever it quotes.
func oneLine(text string) string {
	return strings.Join(strings.FieldsFunc(text, func(r rune) bool { return r == '\n' || r == '\r' }), " ")
}
