package lint

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/conclavehq/conclave/internal/keys"
)

// A table, an owned kind and a timer kind as their constants declare them.
var (
	tableNumber = regexp.MustCompile(`(?m)^\t(\w+)\s+(?:Table )?= 0x([0-9A-F]{2}) //`)
	ownedNumber = regexp.MustCompile(`(?m)^\towned\w+\s+ownedKind = (\d+)`)
	timerNumber = regexp.MustCompile(`(?m)^\ttimer\w+\s+timerKind = (\d+)`)
)

// TestTablesAreDocumented: whoever has to decode a key by hand finds its table on
// the page, with what follows the table's number.
func TestTablesAreDocumented(t *testing.T) {
	r := checkout(t)
	page := mustRead(t, r, "docs/disk-format.md")
	golden := mustRead(t, r, "internal/keys/testdata/keys_v1.txt")
	tables := tableNumber.FindAllStringSubmatch(mustRead(t, r, "internal/keys/keys.go"), -1)
	if len(tables) == 0 {
		t.Fatal("no table was found in internal/keys/keys.go")
	}
	for _, m := range tables {
		number, _ := strconv.ParseUint(m[2], 16, 8)
		where := [...]string{"cold", "hot", "derived"}[keys.Where(keys.Table(number))]
		if row := fmt.Sprintf("| %s | `%s` | %s |", m[1], m[2], where); !strings.Contains(page, row) {
			t.Errorf("docs/disk-format.md has no row that begins with %q", row)
		}
		if !strings.Contains(golden, "\n"+m[1]+" ") && !strings.HasPrefix(golden, m[1]+" ") {
			t.Errorf("internal/keys/testdata/keys_v1.txt has no key of %s", m[1])
		}
	}
	for file, kinds := range map[string]*regexp.Regexp{"recipes/owned.go": ownedNumber, "recipes/timer.go": timerNumber} {
		declared := kinds.FindAllStringSubmatch(mustRead(t, r, file), -1)
		if len(declared) == 0 {
			t.Errorf("no kind was found in %s", file)
		}
		heading := map[string]string{"recipes/owned.go": "| LeaseOwns | kind |", "recipes/timer.go": "| Timer | kind |"}[file]
		_, table, _ := strings.Cut(page, heading)
		table, _, _ = strings.Cut(table, "\n\n")
		for _, m := range declared {
			number, _ := strconv.Atoi(m[1])
			if !strings.Contains(table, fmt.Sprintf("| `%02X` |", number)) {
				t.Errorf("docs/disk-format.md does not have kind %d of %s", number, file)
			}
		}
	}
}

func mustRead(t *testing.T, r *repo, name string) string {
	t.Helper()
	text, err := r.read(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
