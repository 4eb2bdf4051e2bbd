package main

import (
	"bufio"
	"context"
	"io"
	"regexp"
	"strings"
	"testing"
	"time"
)

// Promise G1: who drains and who dies is gone, and the client hears of it.
func TestRunAlone(t *testing.T) {
	// The lines of a story come in its order, with others between them.
	stories := [][]string{{
		`^no -endpoints given: started a node at http://127\.0\.0\.1:\d+$`,
		`^greeter-2 drains$`,
		`^client: greeter-2 is draining at 127\.0\.0\.1:\d+$`,
		`^client: greeter-2 is gone: session closed$`,
	}, {
		`^greeter-3 dies$`,
		`^client: greeter-3 is gone: session expired$`,
		`^client: hello from greeter-1$`,
	}}
	left := len(stories[0]) + len(stories[1])

	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	reader, stdout := io.Pipe()
	ended := make(chan error, 1)
	go func() {
		args := []string{"-for", "0", "-every", "20ms", "-ttl", "500ms", "-drain-after", "200ms", "-die-after", "400ms"}
		err := run(ctx, args, stdout)
		_ = stdout.Close()
		ended <- err
	}()
	var all []string
	for lines := bufio.NewScanner(reader); lines.Scan(); {
		all = append(all, lines.Text())
		for i, story := range stories {
			if len(story) > 0 && regexp.MustCompile(story[0]).MatchString(lines.Text()) {
				stories[i] = story[1:]
				left--
			}
		}
		if left == 0 {
			cancel() // as Ctrl-C does
		}
	}
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if last := all[len(all)-1]; left > 0 || last != "greeter-1 drains" {
		t.Errorf("these lines are missing: %q, or the last instance does not drain:\n%s", stories, strings.Join(all, "\n"))
	}
}

func TestUnknownRole(t *testing.T) {
	err := run(t.Context(), []string{"-role", "server"}, io.Discard)
	if err == nil || !strings.Contains(err.Error(), `not "server"`) {
		t.Errorf("got %v, want a sentence about -role", err)
	}
}
