package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/conclavehq/conclave/internal/migrate"
	conclave "github.com/conclavehq/conclave/sdk"
)

// How often a bar is drawn, and how often a line says the same where there is no
// terminal.
const (
	drawEvery = 100 * time.Millisecond
	lineEvery = 5 * time.Second
)

// barWidth is how many characters the bar has.
const barWidth = 24

// progress shows how far something is: as a bar in one line of a terminal, and
// elsewhere in a line now and then.
type progress struct {
	out      io.Writer
	terminal bool
	silent   bool
	now      func() time.Time

	stage string
	began time.Time
	// drawn is when something was shown last, and width how much of a terminal's line.
	drawn time.Time
	width int
}

// newProgress shows progress on standard error, unless the answer is for a program.
func (a *app) newProgress() *progress {
	return &progress{out: a.complaints, terminal: isTerminal(a.complaints) && os.Getenv("TERM") != "dumb", silent: a.format == formatJSON, now: time.Now}
}

// reached is the connection to the service, when somebody answers there within
// --timeout: what takes longer than that does not begin in vain.
func (a *app) reached(ctx context.Context) (*conclave.Client, error) {
	client, err := a.dial(ctx)
	if err != nil {
		return nil, err
	}
	ctx, cancel := a.brief(ctx)
	defer cancel()
	_, err = client.ImportStatus(ctx)
	return client, err
}

// report shows what a Move reports.
func (p *progress) report(r migrate.Report) {
	switch {
	case r.Note != "":
		p.note(r.Note)
	case r.Stage == migrate.Following:
		p.show(string(r.Stage), true, func(time.Duration) string { return following(r) })
	default:
		p.counted(string(r.Stage), r.Done, r.Total, r.Bytes)
	}
}

func following(r migrate.Report) string {
	if behind := r.Head - r.Revision; behind > 0 {
		return fmt.Sprintf("following: at revision %d, %d behind; Ctrl-C to cut over", r.Revision, behind)
	}
	return fmt.Sprintf("following: at revision %d, up to date; Ctrl-C to cut over", r.Revision)
}

// counted shows how many of the keys are done.
func (p *progress) counted(stage string, done, total, bytes int64) {
	p.show(stage, p.terminal, func(since time.Duration) string {
		if total == 0 {
			return fmt.Sprintf("%s: %d keys%s", stage, done, rate(bytes, since))
		}
		share := min(1, float64(done)/float64(total))
		text := fmt.Sprintf("%.0f%%, %d of %d keys%s", 100*share, done, total, rate(bytes, since))
		if !p.terminal {
			return stage + ": " + text
		}
		full := int(share * barWidth)
		return fmt.Sprintf("%s [%s%s] %s", stage, strings.Repeat("#", full), strings.Repeat(".", barWidth-full), text)
	})
}

// rate is how many bytes there were, and how many of them in a second.
func rate(bytes int64, since time.Duration) string {
	if bytes == 0 {
		return ""
	}
	text := ", " + sizeText(bytes)
	if since > time.Second {
		text += fmt.Sprintf(" (%s/s)", sizeText(int64(float64(bytes)/since.Seconds())))
	}
	return text
}

// sizeText is a number of bytes for a human.
func sizeText(n int64) string {
	switch {
	case n < 1<<10:
		return fmt.Sprintf("%d B", n)
	case n < 1<<20:
		return fmt.Sprintf("%.1f KiB", float64(n)/(1<<10))
	case n < 1<<30:
		return fmt.Sprintf("%.1f MiB", float64(n)/(1<<20))
	}
	return fmt.Sprintf("%.1f GiB", float64(n)/(1<<30))
}

// show shows a text, unless the last one was shown just now. The first one of a stage
// is shown at once, or when the stage takes its time.
func (p *progress) show(stage string, atOnce bool, text func(since time.Duration) string) {
	now := p.now()
	every := lineEvery
	if p.terminal {
		every = drawEvery
	}
	if stage != p.stage {
		p.stage, p.began, p.drawn = stage, now, now
		if atOnce {
			p.drawn = time.Time{}
		}
	}
	if p.silent || now.Sub(p.drawn) < every {
		return
	}
	p.drawn = now
	p.write(text(now.Sub(p.began)))
}

func (p *progress) write(text string) {
	if !p.terminal {
		fmt.Fprintf(p.out, "conclave: %s\n", text)
		return
	}
	fmt.Fprintf(p.out, "\r%s%s", text, strings.Repeat(" ", max(0, p.width-len(text))))
	p.width = len(text)
}

// note tells something that is worth a line of its own.
func (p *progress) note(text string) {
	if p.silent {
		return
	}
	p.end()
	fmt.Fprintf(p.out, "conclave: %s\n", text)
}

// end takes the bar away.
func (p *progress) end() {
	if p.width > 0 {
		fmt.Fprintf(p.out, "\r%s\r", strings.Repeat(" ", p.width))
		p.width = 0
	}
	p.stage = ""
}
