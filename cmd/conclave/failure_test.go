package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	conclave "github.com/conclavehq/conclave/sdk"
)

func TestExplain(t *testing.T) {
	canceled, cancel := context.WithCancel(context.Background())
	cancel()
	holder := &conclave.Card{Identity: "worker-7", Host: "h7"}
	for _, c := range []struct {
		name string
		ctx  context.Context
		err  error
		want string
		code int
	}{
		{"a child's exit code says all", nil, &exitError{code: 7}, "", 7},
		{"usage", nil, misused("--ttl %s: give more", "0s"), "--ttl 0s: give more", exitUsage},
		{"usage with the SDK's words", nil, misused("--endpoints: %w", &conclave.Error{Reason: "INVALID_ARGUMENT", Op: "dial", Message: "no URL"}),
			"--endpoints: no URL", exitUsage},
		{"held", nil, &conclave.Error{Op: `lock mutex "m"`, Reason: "HELD", Message: "somebody else holds the mutex", Holder: holder},
			`lock mutex "m": somebody else holds the mutex; held by worker-7 on h7`, exitFailed},
		{"stale token with the current one", nil, &conclave.Error{Reason: "STALE_TOKEN", Message: "the mutex is held with another token", Token: 9},
			"the mutex is held with another token (the current one is 9)", exitFailed},
		{"a number that is there already is not told twice", nil, &conclave.Error{Reason: "COMPACTED", Message: "compacted up to 12", Revision: 12},
			"compacted up to 12", exitFailed},
		{"no quorum", nil, &conclave.Error{Op: `put "a"`, Reason: "NO_QUORUM"},
			`put "a": no majority of the nodes answers, so nothing happened; see which are missing with conclave endpoint status`, exitNoReach},
		{"unknown", nil, &conclave.Error{Reason: "OUTCOME_UNKNOWN"},
			"it may or may not have happened, because no answer came; read the state before you try again", exitNoReach},
		{"deadline without an answer", nil, fmt.Errorf("get: %w", context.DeadlineExceeded),
			"no answer from http://a:1 within 0s; check it with conclave endpoint health, or give a longer --timeout", exitNoReach},
		{"interrupted", canceled, context.Canceled, "interrupted; what was asked for may have happened all the same", exitFailed},
		{"lost", nil, lost("mutex x was lost", errors.New("the session expired")), "mutex x was lost: the session expired", exitLost},
		{"one line", nil, errors.New("two\nlines"), "two lines", exitFailed},
	} {
		t.Run(c.name, func(t *testing.T) {
			ctx := c.ctx
			if ctx == nil {
				ctx = context.Background()
			}
			a := &app{endpoints: []string{"http://a:1"}}
			got, code := a.explain(ctx, c.err)
			if got != c.want || code != c.code {
				t.Errorf("got %q with code %d;\nwant %q with code %d", got, code, c.want, c.code)
			}
		})
	}
}

func TestLongNamesAreCut(t *testing.T) {
	a := &app{}
	got, _ := a.explain(context.Background(), &conclave.Error{Op: "put " + strings.Repeat("k", 5000), Message: "the key is too long"})
	if len(got) > 200 || !strings.HasSuffix(got, "…: the key is too long") {
		t.Errorf("got %d bytes, %q", len(got), got)
	}
}
