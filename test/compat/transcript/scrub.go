package transcript

import (
	"cmp"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Names are words that stand for what differs from run to run, e.g. an address.
type Names map[string]string

// Scrub replaces what differs from run to run and from server to server: ids by
// ID1, ID2, … in the order of their appearance (the same number in decimal and
// hexadecimal is the same id), addresses by names, times, sizes, terms, hashes and
// positions in the log by a word. Tables lose the width of their columns.
//
// It remembers the ids, so one Scrub is for one session.
type Scrub struct {
	names *strings.Replacer
	ids   map[uint64]string
}

// NewScrub makes a Scrub that also puts names for words.
func NewScrub(names Names) *Scrub {
	var pairs []string
	for word, name := range names {
		pairs = append(pairs, word, name)
	}
	return &Scrub{names: strings.NewReplacer(pairs...), ids: make(map[uint64]string)}
}

// replacement is what to put for which text.
type replacement struct {
	match *regexp.Regexp
	with  string
}

// spaced are the spaces that the JSON of protocol buffers has or has not, on
// purpose.
var spaced = regexp.MustCompile(`([\]}"\w],|":) (["{\[\w-])`)

// rules are applied in this order, after names and before ids.
var rules = []replacement{
	{regexp.MustCompile(`(?m)^\{"level":"warn",.*"method":"([^"]*)".*"error":"(.*)"\}$`), `(a log line: $1: $2)`},
	{regexp.MustCompile("proto:\u00a0"), "proto: "}, // one or the other, on purpose
	{regexp.MustCompile(`"ts":"[^"]*"`), `"ts":"TIME"`},
	{regexp.MustCompile(`0x[0-9a-f]{6,}`), `0xPOINTER`},
	{regexp.MustCompile(`\b\d+(\.\d+)?(ns|µs|ms)\b|\b\d+\.\d+s\b`), `TIME`},
	{regexp.MustCompile(`\b\d+(\.\d+)? ([kMG]?B)\b`), `SIZE`},
	{regexp.MustCompile(`\b\d+%`), `PERCENT`},
	{regexp.MustCompile(`"(raft_?[tT]erm|raftIndex|raftAppliedIndex|dbSize|dbSizeInUse|dbSizeQuota|hash)":"?\d+"?`), `"$1":NUMBER`},
	{regexp.MustCompile(`"(RaftTerm|RaftIndex|RaftAppliedIndex|DBSize|DBSizeInUse|DBSizeQuota|Hash)" : \d+`), `"$1" : NUMBER`},
}

// columns are for what is told by its place in a line only: term, index and
// applied index in a status, and hashes.
var columns = []replacement{
	{regexp.MustCompile(`(true|false), (true|false), \d+, \d+, \d+,`), `$1, $2, TERM, INDEX, INDEX,`},
	{regexp.MustCompile(`│ (true|false) │ (true|false) │ \d+ │ \d+ │ \d+ │`), `│ $1 │ $2 │ TERM │ INDEX │ INDEX │`},
	{regexp.MustCompile(`^(\S+), \d+, (\d+)$`), `$1, HASH, $2`},
	{regexp.MustCompile(`^│ (\S+) │ \d+ │ (\d+) │$`), `│ $1 │ HASH │ $2 │`},
}

// ids are matched where a number is told to be one, decimal or hexadecimal, and
// where it is too large to count anything. The number is the last group.
var ids = []struct {
	match *regexp.Regexp
	base  int // 0 when only the length tells
}{
	{regexp.MustCompile(`"(?:member_id|leader|ID|id)":(\d+)`), 10},
	{regexp.MustCompile(`"(?:member_id|leader|ID|id)":"([0-9a-f]{1,16})"`), 16},
	{regexp.MustCompile(`"(?:MemberID|Leader|ID|Lease)" : ([1-9]\d*)`), 10},
	{regexp.MustCompile(`(?m)^([0-9a-f]+), (?:un)?started,`), 16},
	{regexp.MustCompile(`(?m)^│ +([0-9a-f]+) +│ (?:un)?started +│`), 16},
	{regexp.MustCompile(`(?m)^(?:http://)?(?:NODE|CLIENT)\d, ([0-9a-f]+), 3\.`), 16},
	{regexp.MustCompile(`(?m)^│ (?:http://)?(?:NODE|CLIENT)\d +│ +([0-9a-f]+) +│ +3\.`), 16},
	{regexp.MustCompile(`transferred from ([0-9a-f]+)`), 16},
	{regexp.MustCompile(`transferred from \w+ to ([0-9a-f]+)`), 16},
	{regexp.MustCompile(`\b([0-9a-f]{12,16}|[1-9][0-9]{14,19})\b`), 0},
}

// Text scrubs a text.
func (s *Scrub) Text(text string) string {
	text = s.names.Replace(text)
	for _, r := range rules {
		text = r.match.ReplaceAllString(text, r.with)
	}
	lines := strings.Split(s.nameIDs(text), "\n")
	for i, line := range lines {
		line = narrow(line)
		if strings.HasPrefix(line, "{\"") {
			line = spaced.ReplaceAllString(line, "$1$2")
		}
		for _, r := range columns {
			line = r.match.ReplaceAllString(line, r.with)
		}
		lines[i] = line
	}
	return strings.Join(lines, "\n")
}

// found is a number in a text.
type found struct{ begin, end, base int }

// nameIDs names the ids of a text from left to right.
func (s *Scrub) nameIDs(text string) string {
	var all []found
	for _, known := range ids {
		for _, at := range known.match.FindAllStringSubmatchIndex(text, -1) {
			all = append(all, found{at[2], at[3], known.base})
		}
	}
	slices.SortStableFunc(all, func(a, b found) int { return cmp.Compare(a.begin, b.begin) })
	var b strings.Builder
	last := 0
	for _, f := range all {
		if f.begin < last {
			continue // matched twice
		}
		b.WriteString(text[last:f.begin] + s.id(text[f.begin:f.end], f.base))
		last = f.end
	}
	return b.String() + text[last:]
}

// id names an id. Where only the length tells, up to sixteen digits are read as
// hexadecimal, as etcd's tools print ids; a decimal one has more.
func (s *Scrub) id(digits string, base int) string {
	if base == 0 {
		base = 16
		if len(digits) > 16 {
			base = 10
		}
	}
	n, err := strconv.ParseUint(digits, base, 64)
	if err != nil {
		return digits
	}
	if s.ids[n] == "" {
		s.ids[n] = "ID" + strconv.Itoa(len(s.ids)+1)
	}
	return s.ids[n]
}

var rule = regexp.MustCompile(`─+`)

// narrow takes the padding out of a line of a table.
func narrow(line string) string {
	switch {
	case strings.Contains(line, "─"):
		return rule.ReplaceAllString(line, "─")
	case strings.HasPrefix(line, "│"):
		cells := strings.Split(line, "│")
		for i := range cells {
			cells[i] = strings.TrimSpace(cells[i])
		}
		return strings.TrimSpace(strings.Join(cells, " │ "))
	}
	return strings.TrimRight(line, " ")
}
