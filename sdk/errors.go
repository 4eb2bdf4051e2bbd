package conclave

import (
	"fmt"
	"slices"
	"time"
)

// Error is what the service or the SDK answers instead of a result. Match it
// with errors.Is against the sentinels of this package, and take it apart with
// errors.As.
type Error struct {
	// Op is what was tried, e.g. `lock mutex "invoice/42"`.
	Op string
	// Reason says in a stable way what went wrong, e.g. "HELD".
	Reason Reason
	// Message is one sentence for a human.
	Message string
	// Revision is the compacted or the current revision, where that matters.
	Revision Revision
	// Token is the current token, term or receipt, where that matters.
	Token Token
	// Holder is who holds what was asked for; nil if nobody does.
	Holder *Card
	// RetryAfter is how long to wait before trying again; 0 if that is not known.
	RetryAfter time.Duration
	// Leader is the name of the node that leads, where the service says so.
	Leader string
	// Actor is who broke or handed over what is lost.
	Actor string

	cause   error // what is beneath: the caller's context, the network
	foreign bool  // what answered is no node
	crowded bool  // the node has too many connections; another one may have room
}

func (e *Error) Error() string {
	text := e.Message
	if text == "" {
		text = string(e.Reason)
	}
	if e.Op != "" {
		text = e.Op + ": " + text
	}
	if e.Holder != nil {
		text += "; held by " + e.Holder.String()
	}
	if e.cause != nil {
		text += ": " + e.cause.Error()
	}
	return text
}

// Unwrap gives what is beneath, e.g. context.DeadlineExceeded.
func (e *Error) Unwrap() error { return e.cause }

// Is reports whether target is a sentinel of this package that stands for the
// reason.
func (e *Error) Is(target error) bool {
	s, ok := target.(*sentinel)
	return ok && slices.Contains(s.reasons, e.Reason)
}

// sentinel stands for one reason or several.
type sentinel struct {
	reasons []Reason
	text    string
}

func (s *sentinel) Error() string { return s.text }

func sentence(text string, reasons ...Reason) error {
	return &sentinel{reasons: reasons, text: text}
}

// during says what was tried when an error came.
func during(err error, format string, args ...any) error {
	if err == nil {
		return nil
	}
	e, ok := err.(*Error)
	switch {
	case !ok:
		return fmt.Errorf("%s: %w", fmt.Sprintf(format, args...), err)
	case e.Op != "":
		return err
	}
	told := *e
	told.Op = fmt.Sprintf(format, args...)
	return &told
}

func invalid(format string, args ...any) error {
	return &Error{Reason: reasonInvalid, Message: fmt.Sprintf(format, args...)}
}
