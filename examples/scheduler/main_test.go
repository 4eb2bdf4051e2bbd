package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/conclavehq/conclave/conclavetest"
)

// record is what the lines of a scheduler say about its ticks: all of them once,
// in order, in terms that only grow.
type record struct {
	ticks, term int
	leaders     []string // one for each term
}

func (r *record) add(t *testing.T, line string) {
	t.Helper()
	var who string
	var tick, term int
	if n, _ := fmt.Sscanf(line, "%s ran tick %d in term %d", &who, &tick, &term); n < 3 {
		return
	}
	if tick != r.ticks+1 || term < r.term {
		t.Errorf("after tick %d in term %d: %s", r.ticks, r.term, line)
	}
	if term > r.term {
		r.leaders = append(r.leaders, who)
	}
	r.ticks, r.term = tick, term
}

// Promise E5: one candidate after the other, and no tick twice or left out.
func TestRunAlone(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	var out bytes.Buffer
	if err := run(ctx, []string{"-every", "30ms"}, &out); err != nil {
		t.Fatal(err)
	}
	var r record
	for line := range strings.Lines(out.String()) {
		r.add(t, line)
	}
	if r.ticks != 8 || len(r.leaders) != 3 || r.leaders[0] == r.leaders[1] {
		t.Errorf("%d ticks by %v, want 8 by two in turns:\n%s", r.ticks, r.leaders, out.String())
	}
}

// Promise E8: an administrator ends a term; the job stops and another candidate
// goes on.
func TestHandOver(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	server := conclavetest.Start(t)
	reader, stdout := io.Pipe()
	ended := make(chan error, 1)
	go func() {
		args := []string{"-endpoints", server.Endpoints()[0], "-every", "30ms", "-ticks", "0", "-resign-after", "0"}
		err := run(ctx, args, stdout)
		_ = stdout.Close()
		ended <- err
	}()

	var r record
	before, loss := 0, ""
	for lines := bufio.NewScanner(reader); lines.Scan(); {
		r.add(t, lines.Text())
		switch {
		case r.ticks == 2 && before == 0:
			before = r.term
			if _, err := server.Client(t).Election("scheduler").HandOver(ctx, "", "deploy", "ops"); err != nil {
				t.Fatal(err)
			}
		case strings.Contains(lines.Text(), "leads no more"):
			loss = lines.Text()
		case r.term > before && before > 0:
			cancel() // as Ctrl-C does
		}
	}
	if err := <-ended; err == nil || ctx.Err() == nil {
		t.Errorf("it ended with %v before another candidate ran a tick", err)
	}
	if !strings.Contains(loss, "by ops, because: deploy") || r.leaders[0] == r.leaders[len(r.leaders)-1] {
		t.Errorf("leaders %v, loss %q; want another leader, and who ended the term and why", r.leaders, loss)
	}
}
