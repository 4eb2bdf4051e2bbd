package main

import (
	"strings"
	"testing"
)

func TestParseHolds(t *testing.T) {
	for _, good := range []string{"mutex:a:1", "mutex:a:b:c:17", "election:e:5", "claim:q:3:9", "claim:q:with:colons:3:9"} {
		if _, err := parseHold(good); err != nil {
			t.Errorf("%q: %v", good, err)
		}
	}
	for _, bad := range []string{"", "mutex", "mutex:a", "mutex::1", "mutex:a:", "mutex:a:x", "mutex:a:0", "mutex:a:-1", "claim:q:9", "claim:q:x:9", "planet:a:1"} {
		if _, err := parseHold(bad); err == nil || !strings.HasPrefix(err.Error(), "--hold ") {
			t.Errorf("%q: got %v; want an error that names the flag", bad, err)
		}
	}
}

func TestSizes(t *testing.T) {
	for bytes, want := range map[int64]string{0: "0 B", 999: "999 B", 1000: "1 kB", 13984: "14 kB", 2_500_000: "2.5 MB", 1 << 40: "1.1 TB"} {
		if got := size(bytes); got != want {
			t.Errorf("size(%d) = %q; want %q", bytes, got, want)
		}
	}
}
