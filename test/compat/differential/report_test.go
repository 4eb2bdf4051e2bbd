package differential

import (
	"fmt"
	"strings"
)

// String is the script as it went: each operation with what it was answered. The
// last answers are the ones that differ.
func (r *run) String() string {
	var b strings.Builder
	names := [2]string{r.sides[0].name, r.sides[1].name}
	if names[0] == names[1] {
		names = [2]string{"the first " + names[0], "the second"}
	}
	for i, s := range r.steps {
		mark := " "
		if s.own {
			mark = "·" // the test's own
		}
		fmt.Fprintf(&b, "%4d %s %s\n", i+1, mark, s.operation)
		if i < len(r.steps)-1 || r.found == nil {
			fmt.Fprintf(&b, "         %s\n", s.answers[0])
		}
	}
	if r.found == nil {
		return b.String() + "No difference.\n"
	}
	fmt.Fprintf(&b, "Here %s:\n", r.found.what)
	for i, name := range names {
		fmt.Fprintf(&b, "  %-10s %s\n", name, r.found.answers[i])
	}
	return b.String()
}
