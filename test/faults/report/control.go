package report

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// control adds up what became of the two registers outside: the same workers wrote to
// one with their tokens and to the other without.
type control struct {
	lost, updates             int // without
	guardedLost, guardedTaken int // with, as far as the runs tell
}

// registers is how package check tells of both. Runs that were judged before it
// counted lost updates of the first say nothing of them.
var registers = regexp.MustCompile(`(\d+) writes with the token \((\d+) stale ones refused(?:, (\d+) lost an update)?\), (\d+) without, of which (\d+) lost an update`)

func (c *control) add(notes []string) {
	for _, note := range notes {
		m := registers.FindStringSubmatch(note)
		if m == nil {
			continue
		}
		number := func(i int) int {
			n, _ := strconv.Atoi(m[i])
			return n
		}
		c.lost, c.updates = c.lost+number(5), c.updates+number(4)
		if m[3] != "" {
			c.guardedLost, c.guardedTaken = c.guardedLost+number(3), c.guardedTaken+number(1)-number(2)
		}
	}
}

func (c *control) write(w *strings.Builder) {
	if c.updates == 0 {
		return
	}
	_, _ = fmt.Fprintf(w, "\nControl: %d of %d updates were lost of a register that does not ask for tokens", c.lost, c.updates)
	if c.guardedTaken > 0 {
		_, _ = fmt.Fprintf(w, "; %d of %d of the one beside it, which does", c.guardedLost, c.guardedTaken)
	}
	w.WriteString(".\n")
}
