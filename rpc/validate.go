package rpc

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"

	conclavev1 "github.com/conclavehq/conclave/proto/gen/conclave/v1"
)

// Limits on what a request may hold.
const (
	maxNameBytes     = 256
	maxKeyBytes      = 4096
	maxValueBytes    = 1 << 20
	maxSmallBytes    = 64 << 10 // values that observers and readers carry around
	maxTextBytes     = 1024     // reasons, purposes, notes
	maxClientBytes   = 64
	maxMapEntries    = 64
	maxMapBytes      = 4 << 10
	maxAbsPriority   = 1000
	maxPage          = 1000
	defaultPage      = 100
	maxWeight        = 1 << 20
	maxAttempts      = 1 << 20
	maxGuards        = 16
	maxNamespaceName = 64

	minTTL        = 100 * time.Millisecond
	maxTTL        = 24 * time.Hour
	maxWait       = 10 * time.Minute
	maxLockDelay  = time.Minute
	maxJobDelay   = 366 * 24 * time.Hour
	minProgress   = 100 * time.Millisecond
	maxProgress   = time.Hour
	maxUint53     = 1<<53 - 1
	defaultSpace  = "default"
	maxValueDepth = 100
)

// check looks at the fields of one request, in order, and keeps the first rule
// that is broken.
type check struct {
	err *failure
	// at is the place within the request, e.g. "success[2].put.".
	at string
}

// done returns the first broken rule.
func (c *check) done() error {
	if c.err == nil {
		return nil
	}
	return c.err
}

// refuse notes that a field breaks a rule.
func (c *check) refuse(reason conclavev1.ErrorReason, field, format string, args ...any) {
	if c.err == nil {
		c.err = fail(reason, "%s%s %s", c.at, field, fmt.Sprintf(format, args...))
	}
}

func (c *check) invalid(field, format string, args ...any) {
	c.refuse(conclavev1.ErrorReason_ERROR_REASON_INVALID_ARGUMENT, field, format, args...)
}

func (c *check) tooLarge(field, format string, args ...any) {
	c.refuse(conclavev1.ErrorReason_ERROR_REASON_TOO_LARGE, field, format, args...)
}

// within looks at a part of the request.
func (c *check) within(part string, look func()) {
	before := c.at
	c.at += part
	look()
	c.at = before
}

// namespace may be empty, which is the default one, or an address "name@id".
func (c *check) namespace(name string) {
	if name == "" {
		return
	}
	name, id, addressed := strings.Cut(name, "@")
	c.namespaceName("namespace", name)
	if addressed && !isNamespaceID(id) {
		c.invalid("namespace", "must have a namespace's id after the @, not %q", id)
	}
}

// isNamespaceID reports whether text is an id as the service writes it.
func isNamespaceID(text string) bool {
	_, err := strconv.ParseUint(text, 10, 32)
	return err == nil && text[0] != '0'
}

func (c *check) namespaceName(field, name string) {
	const rule = "1 to 64 of a-z, 0-9, '-', '_' and '.', the first a letter or digit"
	if len(name) == 0 || len(name) > maxNamespaceName {
		c.invalid(field, "must be %s; it has %d bytes", rule, len(name))
		return
	}
	for i, r := range []byte(name) {
		word := r >= 'a' && r <= 'z' || r >= '0' && r <= '9'
		if word || i > 0 && (r == '-' || r == '_' || r == '.') {
			continue
		}
		c.invalid(field, "must be %s; it is %q", rule, name)
		return
	}
}

func (c *check) requestID(id *conclavev1.RequestId) {
	if id == nil {
		return
	}
	if n := len(id.GetClient()); n < 1 || n > maxClientBytes {
		c.invalid("request_id.client", "must have 1 to %d bytes, not %d", maxClientBytes, n)
	}
	c.printable("request_id.client", id.GetClient())
	if id.GetSequence() < 1 {
		c.invalid("request_id.sequence", "must be 1 or more; number requests from 1")
	}
	if id.GetDoneBelow() > id.GetSequence() {
		c.invalid("request_id.done_below", "must be at most the sequence %d, not %d", id.GetSequence(), id.GetDoneBelow())
	}
}

// between looks at a number or a duration with bounds that are both allowed.
func between[T cmp.Ordered](c *check, field string, given, least, most T) {
	if given < least || given > most {
		c.invalid(field, "must be %v to %v, not %v", least, most, given)
	}
}

func (c *check) duration(field string, d *durationpb.Duration, least, most time.Duration) {
	switch {
	case d == nil:
	case d.CheckValid() != nil:
		c.invalid(field, "is not a duration; give it like \"1.5s\"")
	default:
		between(c, field, d.AsDuration(), least, most)
	}
}

func (c *check) ttl(d *durationpb.Duration) {
	if d == nil {
		c.invalid("ttl", "is missing; give %v to %v", minTTL, maxTTL)
	}
	c.duration("ttl", d, minTTL, maxTTL)
}

func (c *check) wait(d *durationpb.Duration, forever bool) {
	if forever && d.AsDuration() != 0 {
		c.invalid("wait", "and wait_forever exclude each other; give one of them")
	}
	if d.CheckValid() == nil && d.AsDuration() > maxWait {
		c.invalid("wait", "must be at most %v, not %v; wait_forever waits as long as the session lives", maxWait, d.AsDuration())
	}
	c.duration("wait", d, 0, maxWait)
}

// lease is a session or lease that has to be named.
func (c *check) lease(field string, id int64) {
	if id <= 0 {
		c.invalid(field, "must be that of a lease, above 0, not %d", id)
	}
}

func (c *check) optionalLease(field string, id int64) {
	if id < 0 {
		c.invalid(field, "must be that of a lease, or 0 for none, not %d", id)
	}
}

// token is a token, term or receipt.
func (c *check) token(field string, token int64) {
	if token <= 0 {
		c.invalid(field, "must be the number that the grant gave, above 0, not %d", token)
	}
}

func (c *check) revision(field string, revision int64) {
	if revision < 0 {
		c.invalid(field, "must be 0 or more, not %d", revision)
	}
}

func (c *check) page(field string, limit int32) {
	if limit < 0 || limit > maxPage {
		c.invalid(field, "must be 0 (for %d) to %d, not %d", defaultPage, maxPage, limit)
	}
}

// pageSize is the limit that a listing is asked with.
func pageSize(limit int32) int32 {
	if limit == 0 {
		return defaultPage
	}
	return limit
}

// known refuses numbers that an enumeration does not have.
func known[E interface {
	~int32
	fmt.Stringer
}](c *check, field string, given E, names map[int32]string) {
	if _, ok := names[int32(given)]; !ok {
		c.invalid(field, "has no value %d", int32(given))
	}
}
