package rpc

import (
	"unicode"
	"unicode/utf8"

	conclavev1 "github.com/conclavehq/conclave/proto/gen/conclave/v1"
)

// name is for whatever people name: mutexes, queues, services.
func (c *check) name(field, name string) {
	if name == "" {
		c.invalid(field, "is missing; give 1 to %d bytes", maxNameBytes)
		return
	}
	c.optionalName(field, name)
}

func (c *check) optionalName(field, name string) {
	if len(name) > maxNameBytes {
		c.tooLarge(field, "may have %d bytes, not %d", maxNameBytes, len(name))
	}
	c.printable(field, name)
}

// printable refuses what would spoil a terminal or a log line.
func (c *check) printable(field, text string) {
	if !c.utf8(field, text) {
		return
	}
	for i, r := range text {
		if unicode.IsControl(r) {
			c.invalid(field, "has the control character %U at byte %d; leave it out", r, i)
			return
		}
	}
}

// utf8 tells whether a text is one. Most requests are decoded by a codec that
// has looked already; the pipeline's does not. As there, this comes before other
// rules that are broken.
func (c *check) utf8(field, text string) bool {
	if utf8.ValidString(text) {
		return true
	}
	c.err = nil
	c.invalid(field, "is not valid UTF-8")
	return false
}

// text is prose: it may have line breaks and tabs.
func (c *check) text(field, text string, limit int) {
	if len(text) > limit {
		c.tooLarge(field, "may have %d bytes, not %d", limit, len(text))
	}
	if !c.utf8(field, text) {
		return
	}
	for i, r := range text {
		if unicode.IsControl(r) && r != '\n' && r != '\t' {
			c.invalid(field, "has the control character %U at byte %d; leave it out", r, i)
			return
		}
	}
}

func (c *check) reason(field, text string) {
	if text == "" {
		c.invalid(field, "is missing; say why in 1 to %d bytes", maxTextBytes)
	}
	c.text(field, text, maxTextBytes)
}

func (c *check) card(card *conclavev1.Card) {
	if card == nil {
		return
	}
	c.optionalName("card.identity", card.GetIdentity())
	c.optionalName("card.host", card.GetHost())
	c.text("card.purpose", card.GetPurpose(), maxTextBytes)
	c.labels("card.labels", card.GetLabels())
}

// labels are small annotations: card labels, metadata, headers.
func (c *check) labels(field string, labels map[string]string) {
	if len(labels) > maxMapEntries {
		c.tooLarge(field, "may have %d entries, not %d", maxMapEntries, len(labels))
	}
	size := 0
	for key, text := range labels {
		size += len(key) + len(text)
		if key == "" {
			c.invalid(field, "has an entry without a key")
		}
		c.printable(field+" keys", key)
		c.text(field+" values", text, maxMapBytes)
	}
	if size > maxMapBytes {
		c.tooLarge(field, "may have %d bytes in all keys and values, not %d", maxMapBytes, size)
	}
}
