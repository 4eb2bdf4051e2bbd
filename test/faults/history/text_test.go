package history

import (
	"strings"
	"testing"
)

// The value before an event is printed, not where it is in memory.
func TestPreviousAsText(t *testing.T) {
	r := Record{Kind: WatchEvent, Events: []Event{
		{Delete: true, KV: KV{Key: "a", Modified: 9}, Previous: &KV{Key: "a", Value: "old", Modified: 7}},
		{KV: KV{Key: "b"}},
	}}
	if text := r.String(); strings.Contains(text, "0x") || !strings.Contains(text, "Previous:{Key:a Value:old") || strings.Count(text, "Previous") != 1 {
		t.Errorf("got %s", text)
	}
}
