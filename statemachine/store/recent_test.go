package store

import (
	"fmt"
	"testing"

	"github.com/conclavehq/conclave/internal/keys"
)

// What was written last is known, within bounds, and never in an old version.
func TestRecent(t *testing.T) {
	key := func(table keys.Table, n int) string {
		return string(append(keys.Prefix(1, table), fmt.Sprint(n)...))
	}
	var r recent
	r.add(key(keys.Latest, 0), make([]byte, 3*recentBytes/4))
	r.add(key(keys.Latest, 1), []byte("old"))
	r.add(key(keys.History, 1), []byte("history"))
	if _, known := r.get([]byte(key(keys.History, 1))); known {
		t.Error("a record that is never read is kept")
	}
	r.add(key(keys.Latest, 2), make([]byte, recentBytes)) // too large to keep
	if _, known := r.get([]byte(key(keys.Latest, 2))); known {
		t.Error("a record that is as large as all room is kept")
	}
	r.add(key(keys.Latest, 1), nil)
	if value, known := r.get([]byte(key(keys.Latest, 1))); !known || value != nil {
		t.Errorf("a deleted record is %q, %v", value, known)
	}
	for n := 3; n < 20; n++ {
		r.add(key(keys.Latest, n), make([]byte, recentBytes/5))
		r.get([]byte(key(keys.Latest, 1)))
	}
	if _, known := r.get([]byte(key(keys.Latest, 1))); !known {
		t.Error("a record that is read all the time is forgotten")
	}
	if _, known := r.get([]byte(key(keys.Latest, 3))); known {
		t.Error("nothing is forgotten")
	}
}
