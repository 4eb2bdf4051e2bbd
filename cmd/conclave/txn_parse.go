package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// txnText is a transaction as it was written: lines of three sections that
// blank lines separate.
type txnText struct {
	conditions []condition
	success    []operation
	failure    []operation
}

// condition is a line such as `mod("key") > "0"` or `holds("lock") = "17"`.
type condition struct {
	line   int
	target string
	args   []string
	sign   string
	value  string
}

// operation is a line such as `put key value`.
type operation struct {
	line  int
	words []string
}

// parseTxn reads the text up to the third blank line or its end. prompt is told
// which section begins.
func parseTxn(in io.Reader, prompt func(section string)) (txnText, error) {
	var text txnText
	lines := bufio.NewScanner(in)
	lines.Buffer(nil, 4<<20)
	number, section := 0, 0
	sections := []string{"compares", "success requests", "failure requests"}
	prompt(sections[0])
	for section < len(sections) && lines.Scan() {
		number++
		line := strings.TrimSpace(lines.Text())
		if line == "" {
			if section++; section < len(sections) {
				prompt(sections[section])
			}
			continue
		}
		if err := text.add(section, number, line); err != nil {
			return text, misused("line %d, %q: %w", number, line, err)
		}
	}
	if err := lines.Err(); err != nil {
		return text, fmt.Errorf("cannot read the transaction: %w", err)
	}
	if len(text.success)+len(text.failure) == 0 {
		return text, misused("the transaction does nothing: give conditions, a blank line, what to do when they hold, a blank line, what to do otherwise")
	}
	return text, nil
}

func (t *txnText) add(section, number int, line string) error {
	if section == 0 {
		c, err := parseCondition(line)
		c.line = number
		t.conditions = append(t.conditions, c)
		return err
	}
	words, err := splitWords(line)
	op := operation{number, words}
	if section == 1 {
		t.success = append(t.success, op)
	} else {
		t.failure = append(t.failure, op)
	}
	return err
}

const conditionRule = `give a condition such as mod("key") > "0", value("key") = "text" or holds("lock") = "17"`

// parseCondition reads TARGET(ARG, …) SIGN VALUE.
func parseCondition(line string) (condition, error) {
	wrong := errors.New(conditionRule)
	target, rest, ok := strings.Cut(line, "(")
	c := condition{target: strings.TrimSpace(target)}
	if !ok {
		return c, wrong
	}
	for closed := false; !closed; {
		rest = strings.TrimLeft(rest, " \t")
		if rest == "" {
			return c, wrong
		}
		arg, after, err := firstWord(rest, " \t,)")
		if err != nil {
			return c, err
		}
		if len(after) == len(rest) {
			return c, wrong // nothing before the comma or parenthesis
		}
		c.args = append(c.args, arg)
		rest = strings.TrimLeft(after, " \t")
		if rest == "" || rest[0] != ',' && rest[0] != ')' {
			return c, wrong
		}
		closed, rest = rest[0] == ')', rest[1:]
	}
	rest = strings.TrimLeft(rest, " \t")
	for _, sign := range []string{"!=", "=", "<", ">"} {
		if after, ok := strings.CutPrefix(rest, sign); ok {
			c.sign, rest = sign, after
			break
		}
	}
	value, err := splitWords(rest)
	if err != nil {
		return c, err
	}
	if c.sign == "" || len(value) != 1 {
		return c, wrong
	}
	c.value = value[0]
	return c, nil
}

// splitWords splits a line at spaces. Words in double quotes have Go's escapes,
// words in single quotes none.
func splitWords(line string) ([]string, error) {
	var words []string
	for rest := strings.TrimLeft(line, " \t"); rest != ""; rest = strings.TrimLeft(rest, " \t") {
		word, after, err := firstWord(rest, " \t")
		if err != nil {
			return nil, err
		}
		words = append(words, word)
		rest = after
	}
	return words, nil
}

// firstWord ends a word without quotes at one of the stop bytes.
func firstWord(line, stops string) (word, rest string, err error) {
	switch line[0] {
	case '"':
		quoted, err := strconv.QuotedPrefix(line)
		if err != nil {
			return "", "", fmt.Errorf("a double quote is not closed, or an escape is unknown")
		}
		word, err = strconv.Unquote(quoted)
		return word, line[len(quoted):], err
	case '\'':
		end := strings.IndexByte(line[1:], '\'')
		if end < 0 {
			return "", "", fmt.Errorf("a single quote is not closed")
		}
		return line[1 : 1+end], line[end+2:], nil
	}
	end := strings.IndexAny(line, stops)
	if end < 0 {
		end = len(line)
	}
	return line[:end], line[end:], nil
}
