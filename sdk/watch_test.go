package conclave

import "testing"

func TestTextPrefixEnd(t *testing.T) {
	for prefix, want := range map[string]string{
		"":                 "",
		"a":                "b",
		"cfg/":             "cfg0",
		"\x7f":             "\u0080",
		"é":                "ê",
		"\uD7FF":           "\uE000",
		"\U0010FFFF":       "",
		"a\U0010FFFF":      "b",
		"a/\U0010FFFF\x7f": "a/\U0010FFFF\u0080",
	} {
		if got := textPrefixEnd(prefix); got != want {
			t.Errorf("the end of %q is %q, want %q", prefix, got, want)
		}
	}
}
