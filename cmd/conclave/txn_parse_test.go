package main

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParseTxn(t *testing.T) {
	const input = `mod("a key") > "0"
holds('lock') = 17
claims("jobs", "3")="9"

put "a key" 'it is "quoted"'
get a --prefix

del	x
`
	var prompts []string
	got, err := parseTxn(strings.NewReader(input), func(s string) { prompts = append(prompts, s) })
	if err != nil {
		t.Fatal(err)
	}
	want := txnText{
		conditions: []condition{
			{line: 1, target: "mod", args: []string{"a key"}, sign: ">", value: "0"},
			{line: 2, target: "holds", args: []string{"lock"}, sign: "=", value: "17"},
			{line: 3, target: "claims", args: []string{"jobs", "3"}, sign: "=", value: "9"},
		},
		success: []operation{
			{line: 5, words: []string{"put", "a key", `it is "quoted"`}},
			{line: 6, words: []string{"get", "a", "--prefix"}},
		},
		failure: []operation{{line: 8, words: []string{"del", "x"}}},
	}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(txnText{}, condition{}, operation{})); diff != "" {
		t.Errorf("parsed (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"compares", "success requests", "failure requests"}, prompts); diff != "" {
		t.Errorf("prompts (-want +got):\n%s", diff)
	}
}

func TestParseTxnEndsAfterThreeSections(t *testing.T) {
	in := strings.NewReader("\nput a b\n\n\nput c d\n")
	got, err := parseTxn(in, func(string) {})
	if err != nil {
		t.Fatal(err)
	}
	if len(got.success) != 1 || len(got.failure) != 0 {
		t.Errorf("got %d and %d operations; want 1 and 0: the third blank line ends it", len(got.success), len(got.failure))
	}
}

func TestParseTxnRefuses(t *testing.T) {
	for _, c := range []struct{ name, input, says string }{
		{"nothing to do", "mod(\"a\") = \"1\"\n", "does nothing"},
		{"no sign", "mod(\"a\") 1\n\nput a b\n", "line 1"},
		{"no key", "mod() = 1\n\nput a b\n", "line 1"},
		{"no end", "mod(\"a\" = 1\n\nput a b\n", "line 1"},
		{"two values", "mod(\"a\") = 1 2\n\nput a b\n", "line 1"},
		{"open quote", "\nput a \"b\n", "line 2"},
		{"open single quote", "\nput a 'b\n", "line 2"},
		{"parenthesis in a key is fine, a second one is not", "value(\"a) = b\")) = \"c\"\n\nput a b\n", "line 1"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := parseTxn(strings.NewReader(c.input), func(string) {})
			if err == nil || !strings.Contains(err.Error(), c.says) {
				t.Errorf("got %v; want an error that says %q", err, c.says)
			}
		})
	}
}

func TestConditionWithParenthesisInKey(t *testing.T) {
	got, err := parseCondition(`value("a) = b") != "c) > d"`)
	if err != nil {
		t.Fatal(err)
	}
	want := condition{target: "value", args: []string{"a) = b"}, sign: "!=", value: "c) > d"}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(condition{})); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
