package spec

import (
	"cmp"
	"errors"
	"regexp"
	"strings"

	"go.yaml.in/yaml/v3"
)

// What the decoder says of one line, with names of types of Go.
var (
	unknownField = regexp.MustCompile(`^(line \d+): field (.+) not found in type \S+$`)
	wrongValue   = regexp.MustCompile("^(line \\d+): cannot unmarshal \\S+(?: `(.*)`)? into (\\S+)$")
)

// values are the types of fields, in words.
var values = map[string]string{
	"int": "a whole number", "int64": "a whole number", "uint64": "a whole number from 0 on", "float64": "a number",
	"time.Duration": "a time such as 30s", "string": "a text", "[]string": "a list such as [a, b]",
	"[]spec.Injection": "a list of injections", "spec.Spec": "fields with values",
}

// plain tells an error of YAML in words of the file.
func plain(err error) error {
	var fields *yaml.TypeError
	if errors.As(err, &fields) {
		var lines []string
		for _, line := range fields.Errors {
			lines = append(lines, plainLine(line))
		}
		return errors.New(strings.Join(lines, "; "))
	}
	if err != nil {
		return errors.New("it is no YAML: " + strings.TrimPrefix(err.Error(), "yaml: "))
	}
	return nil
}

func plainLine(line string) string {
	if m := unknownField.FindStringSubmatch(line); m != nil {
		return m[1] + ": there is no field " + m[2]
	}
	m := wrongValue.FindStringSubmatch(line)
	if m == nil || values[m[3]] == "" {
		return line
	}
	return m[1] + ": " + cmp.Or(m[2], "this") + " is not " + values[m[3]]
}
