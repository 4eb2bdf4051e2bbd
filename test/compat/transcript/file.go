package transcript

import (
	"strings"
)

const (
	indent = "  "
	prompt = indent + "$ "
	more   = indent + ">"
)

// file is a transcript, in order.
type file []step

// step is some prose, or a command and what it printed.
type step struct {
	prose   []string
	command []string // lines
	printed []string
	line    int // of the first
}

// parse reads a transcript. Whatever it is given comes out of text again.
func parse(text string) file {
	var f file
	for i, line := range strings.Split(strings.TrimSuffix(text, "\n"), "\n") {
		last := len(f) - 1
		switch {
		case strings.HasPrefix(line, prompt):
			f = append(f, step{command: []string{line[len(prompt):]}, line: i + 1})
		case last >= 0 && f[last].open() && (line == more || strings.HasPrefix(line, more+" ")):
			f[last].command = append(f[last].command, strings.TrimPrefix(line[len(more):], " "))
		case last >= 0 && f[last].command != nil && strings.HasPrefix(line, indent):
			f[last].printed = append(f[last].printed, line[len(indent):])
		case last >= 0 && f[last].prose != nil:
			f[last].prose = append(f[last].prose, line)
		default:
			f = append(f, step{prose: []string{line}, line: i + 1})
		}
	}
	return f
}

// open tells whether a command may go on.
func (s step) open() bool { return s.command != nil && s.printed == nil }

// text is the transcript as it is written.
func (f file) text() string {
	var b strings.Builder
	for _, s := range f {
		for _, line := range s.prose {
			b.WriteString(line + "\n")
		}
		for i, line := range s.command {
			begin := more + " "
			if i == 0 {
				begin = prompt
			}
			b.WriteString(strings.TrimRight(begin+line, " ") + "\n")
		}
		for _, line := range s.printed {
			b.WriteString(indent + line + "\n")
		}
	}
	return b.String()
}
