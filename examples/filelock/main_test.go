package main

import (
	"bytes"
	"context"
	"errors"
	"path/filepath"
	"regexp"
	"testing"
	"time"
)

// Promises R2 and T5, as a user meets them: everybody's increments count once,
// and what a worker writes after it lost the mutex does not.
func TestRunAlone(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	var out bytes.Buffer
	if err := run(ctx, []string{"-workers", "3", "-increments", "4", "-ttl", "500ms"}, &out); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		`(?m)^no -endpoints given: started a node at http://127\.0\.0\.1:\d+$`,
		`(?m)^worker-1 stalls while it holds token \d+$`,
		`(?m)^worker-1 wakes up and writes with token \d+: refused by the file: it has seen token \d+$`,
		`(?m)^worker-[123] holds token \d+ and counts to 12$`,
		`3 workers counted 4 times each, and the file says 12\n$`,
	} {
		if !regexp.MustCompile(want).Match(out.Bytes()) {
			t.Errorf("no line like %s in\n%s", want, out.Bytes())
		}
	}
}

func TestJournalRefusesOldTokens(t *testing.T) {
	j := journal(filepath.Join(t.TempDir(), "counter.txt"))
	for _, step := range []struct {
		what string
		got  error
		want error
	}{
		{"token 5 writes", j.write(5, 1), nil},
		{"token 5 writes again", j.write(5, 2), nil},
		{"token 4 writes", j.write(4, 7), errStale},
		{"token 9 writes", j.write(9, 3), nil},
		{"token 5 writes late", j.write(5, 3), errStale},
	} {
		if !errors.Is(step.got, step.want) {
			t.Errorf("%s: got %v, want %v", step.what, step.got, step.want)
		}
	}
	if _, err := j.open(8); !errors.Is(err, errStale) {
		t.Errorf("token 8 opens: got %v, want %v", err, errStale)
	}
	if count, err := j.open(10); count != 3 || err != nil {
		t.Errorf("token 10 reads %d, %v; want 3", count, err)
	}
	if err := j.write(9, 4); !errors.Is(err, errStale) {
		t.Errorf("token 9 writes after token 10 has read: got %v, want %v", err, errStale)
	}
}
