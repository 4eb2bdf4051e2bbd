package main

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"
	"unicode/utf8"
)

// The formats of -w.
const (
	formatSimple = "simple"
	formatJSON   = "json"
	formatTable  = "table"
)

// answer is what a command has to say. A list has a head and rows; the simple
// format aligns them unless plain is set.
type answer struct {
	data  any // for json
	head  []string
	rows  [][]string
	plain func(io.Writer) // for simple
}

// print writes an answer in the format that -w asks for.
func (a *app) print(x answer) error {
	switch a.format {
	case formatJSON:
		return printJSON(a.out, x.data)
	case formatTable:
		return box(a.out, x.head, x.rows)
	}
	if x.plain != nil {
		x.plain(a.out)
		return nil
	}
	return columns(a.out, x.head, x.rows)
}

// printOne is an answer that is one thing, e.g. "OK": data says it for programs,
// head and row for a table.
func (a *app) printOne(data any, text string, head []string, row ...string) error {
	return a.print(answer{data: data, head: head, rows: [][]string{row}, plain: func(w io.Writer) {
		fmt.Fprintln(w, text)
	}})
}

// printJSON writes one line.
func printJSON(w io.Writer, data any) error {
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	return encoder.Encode(data)
}

// columns writes aligned text; nothing at all if there are no rows.
func columns(w io.Writer, head []string, rows [][]string) error {
	if len(rows) == 0 {
		return nil
	}
	aligned := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, row := range append([][]string{head}, rows...) {
		cells := make([]string, len(row))
		for i, cell := range row {
			if cells[i] = visible(cell); cells[i] == "" {
				cells[i] = "-"
			}
		}
		fmt.Fprintln(aligned, strings.Join(cells, "\t"))
	}
	return aligned.Flush()
}

// box writes a table as etcdctl does.
func box(w io.Writer, head []string, rows [][]string) error {
	widths := make([]int, len(head))
	for _, row := range append([][]string{head}, rows...) {
		for i, cell := range row {
			widths[i] = max(widths[i], utf8.RuneCountInString(visible(cell)))
		}
	}
	var out strings.Builder
	rule := "+"
	for _, width := range widths {
		rule += strings.Repeat("-", width+2) + "+"
	}
	line := func(cells []string) {
		out.WriteString("|")
		for i, width := range widths {
			cell := visible(cells[i])
			out.WriteString(" " + cell + strings.Repeat(" ", width-utf8.RuneCountInString(cell)) + " |")
		}
		out.WriteString("\n")
	}
	out.WriteString(rule + "\n")
	line(head)
	out.WriteString(rule + "\n")
	for _, row := range rows {
		line(row)
	}
	if len(rows) > 0 {
		out.WriteString(rule + "\n")
	}
	_, err := io.WriteString(w, out.String())
	return err
}

// visible keeps data from moving the cursor or breaking the lines of a table.
func visible(cell string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r == utf8.RuneError {
			return '·'
		}
		return r
	}, cell)
}

// text is data in JSON: a string where it is valid UTF-8, else {"base64": …}.
type text string

// MarshalJSON chooses the form.
func (t text) MarshalJSON() ([]byte, error) {
	if utf8.ValidString(string(t)) {
		var out strings.Builder
		encoder := json.NewEncoder(&out)
		encoder.SetEscapeHTML(false)
		if err := encoder.Encode(string(t)); err != nil {
			return nil, err
		}
		return []byte(strings.TrimSuffix(out.String(), "\n")), nil
	}
	return json.Marshal(map[string]string{"base64": base64.StdEncoding.EncodeToString([]byte(t))})
}

// span is a duration in JSON, e.g. "9.5s".
type span time.Duration

// MarshalText writes it as flags understand it.
func (s span) MarshalText() ([]byte, error) { return []byte(short(time.Duration(s))), nil }

// short is a duration for a human: milliseconds below ten seconds, seconds above.
func short(d time.Duration) string {
	switch {
	case d == 0:
		return "0s"
	case d.Abs() < 10*time.Second:
		return d.Round(time.Millisecond).String()
	case d%time.Hour == 0:
		return fmt.Sprintf("%dh", d/time.Hour)
	case d%time.Minute == 0:
		return fmt.Sprintf("%dm", d/time.Minute)
	}
	return d.Round(time.Second).String()
}

// clock is a point in time for a human.
func clock(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.Local().Format("2006-01-02 15:04:05")
}
