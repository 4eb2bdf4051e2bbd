package transcript

import (
	"regexp"
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

// ids are matched where a number is told to be one, decimal or hexadecimal.
var ids = []struct {
	match *regexp.Regexp // the number is group 2
	base  int
}{
	{regexp.MustCompile(`("(?:member_id|leader|ID|id)":)(\d+)`), 10},
	{regexp.MustCompile(`("(?:member_id|leader|ID|id)":")([0-9a-f]+)`), 16},
	{regexp.MustCompile(`("(?:MemberID|Leader|ID|Lease)" : )([1-9]\d*)`), 10},
	{regexp.MustCompile(`(?m)^()([0-9a-f]+)(?:, (?:un)?started,)`), 16},
	{regexp.MustCompile(`(?m)(^│ +)([0-9a-f]+)(?: +│ (?:un)?started +│)`), 16},
	{regexp.MustCompile(`(?m)(^(?:http://)?NODE\d, )([0-9a-f]+)(?:, 3\.)`), 16},
	{regexp.MustCompile(`(?m)(^│ (?:http://)?NODE\d +│ +)([0-9a-f]+)(?: +│ +3\.)`), 16},
	{regexp.MustCompile(`(transferred from )([0-9a-f]+)\b`), 16},
	{regexp.MustCompile(`(transferred from \S+ to )([0-9a-f]+)\b`), 16},
}

// id matches numbers that are too large to count anything.
var id = regexp.MustCompile(`\b(?:[0-9a-f]{12,16}|[1-9][0-9]{14,19})\b`)

// Text scrubs a text.
func (s *Scrub) Text(text string) string {
	text = s.names.Replace(text)
	for _, r := range rules {
		text = r.match.ReplaceAllString(text, r.with)
	}
	for _, known := range ids {
		text = replaceGroup(known.match, text, func(digits string) string { return s.id(digits, known.base) })
	}
	text = id.ReplaceAllStringFunc(text, s.large)
	lines := strings.Split(text, "\n")
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

// replaceGroup replaces what the second group of a match has found.
func replaceGroup(match *regexp.Regexp, text string, with func(string) string) string {
	var b strings.Builder
	last := 0
	for _, at := range match.FindAllStringSubmatchIndex(text, -1) {
		b.WriteString(text[last:at[4]] + with(text[at[4]:at[5]]))
		last = at[5]
	}
	return b.String() + text[last:]
}

// large names a number. Up to sixteen digits are read as hexadecimal, as etcd's
// tools print ids; a decimal one has more.
func (s *Scrub) large(digits string) string {
	if len(digits) > 16 {
		return s.id(digits, 10)
	}
	return s.id(digits, 16)
}

// id names an id.
func (s *Scrub) id(digits string, base int) string {
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
