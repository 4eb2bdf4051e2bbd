package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/conclavehq/conclave/internal/migrate"
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

// report shows what a Move reports.
func (p *progress) report(r migrate.Report) {
	switch {
	case r.Note != "":
		p.note(r.Note)
	case r.Stage == migrate.Following:
		p.show(string(r.Stage), func(time.Duration) string { return following(r) })
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
	p.show(stage, func(since time.Duration) string {
		if total == 0 {
			return fmt.Sprintf("%s: %d keys%s", stage, done, rate(bytes, since))
		}
		share := min(1, float64(done)/float64(total))
		full := int(share * barWidth)
		bar := strings.Repeat("#", full) + strings.Repeat(".", barWidth-full)
		return fmt.Sprintf("%s [%s] %3.0f%% %d of %d keys%s", stage, bar, 100*share, done, total, rate(bytes, since))
	})
}

// rate is how many bytes there were, and how many of them in a second.
func rate(bytes int64, since time.Duration) string {
	if bytes == 0 {
		return ""
	}
	text := ", " + mebibytes(bytes)
	if since > time.Second {
		text += fmt.Sprintf(" (%s/s)", mebibytes(int64(float64(bytes)/since.Seconds())))
	}
	return text
}

func mebibytes(n int64) string { return fmt.Sprintf("%.1f MiB", float64(n)/(1<<20)) }

// show shows a text, unless the last one was shown just now. A stage that begins is
// always shown.
func (p *progress) show(stage string, text func(since time.Duration) string) {
	now := p.now()
	every := lineEvery
	if p.terminal {
		every = drawEvery
	}
	if stage != p.stage {
		p.stage, p.began, p.drawn = stage, now, time.Time{}
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
