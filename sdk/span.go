package conclave

import (
	"unicode/utf8"

	conclavev1 "github.com/conclavehq/conclave/proto/gen/conclave/v1"
)

// spanAfter is what is left of a span after a key in it.
func spanAfter(span *conclavev1.Span, last string) *conclavev1.Span {
	rest := &conclavev1.Span{Key: last + "\x00"}
	switch extent := span.GetExtent().(type) {
	case *conclavev1.Span_Prefix:
		if end := textPrefixEnd(span.GetKey()); end != "" {
			rest.Extent = &conclavev1.Span_End{End: end}
			return rest
		}
		rest.Extent = &conclavev1.Span_FromKey{FromKey: true}
	case *conclavev1.Span_End, *conclavev1.Span_FromKey:
		rest.Extent = extent
	}
	return rest
}

// textPrefixEnd is the first text after all keys with the prefix, empty if there
// is none. It has to be text because it is sent as a string; the order of UTF-8
// is that of its code points.
func textPrefixEnd(prefix string) string {
	for prefix != "" {
		last, size := utf8.DecodeLastRuneInString(prefix)
		prefix = prefix[:len(prefix)-size]
		switch {
		case last == 0xD7FF: // surrogates are no text
			return prefix + string(rune(0xE000))
		case last < utf8.MaxRune:
			return prefix + string(last+1)
		}
	}
	return ""
}
