package main

import (
	"strconv"
	"strings"
	"testing"
)

// A transaction as text is refused with a sentence that names the line, or gives
// conditions and operations from lines that are there; what they become is refused
// or can be sent.
func FuzzTxn(f *testing.F) {
	for _, text := range []string{
		"mod(\"key\") > \"0\"\n\nput key value\nget key\n\ndel key --prefix\n\n", "value(\"k\") = \"v\"\nholds(\"lock\") = \"17\"\n\nput 'a b' \"c\\n\"\n\n\n",
		"claims(\"q\", \"1\") = \"2\"\n\nput a b\n", "\n\n\n", "mod(", "lease(\"a\",) != \"\"", "put \"unclosed\n", "c(\"\xff\") < 1\n\nget \x00\n", "version(k)=1\n\nput k --lease=zz v\n",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		sections := 0
		txn, err := parseTxn(strings.NewReader(text), func(string) { sections++ })
		if sections < 1 || sections > 3 {
			t.Fatalf("%d sections", sections)
		}
		if err != nil {
			if strings.TrimSpace(err.Error()) == "" {
				t.Fatal("an error without a word")
			}
			return
		}
		lines := strings.Count(text, "\n") + 1
		for _, c := range txn.conditions {
			if c.line < 1 || c.line > lines || c.sign == "" || len(c.args) == 0 {
				t.Fatalf("a condition %+v from %q", c, text)
			}
		}
		for _, op := range append(txn.success, txn.failure...) {
			if op.line < 1 || op.line > lines || len(op.words) == 0 {
				t.Fatalf("an operation %+v from %q", op, text)
			}
		}
	})
}

// A line of words reads the same again when its words are quoted.
func FuzzWords(f *testing.F) {
	for _, line := range []string{`put a b`, `put "a\x00b" 'c d'`, `"`, `''`, `'a'b`, "\t \t", `"\u12"`} {
		f.Add(line)
	}
	f.Fuzz(func(t *testing.T, line string) {
		words, err := splitWords(line)
		if err != nil {
			return
		}
		var quoted []string
		for _, w := range words {
			quoted = append(quoted, strconv.Quote(w))
		}
		again, err := splitWords(strings.Join(quoted, " "))
		if err != nil || strings.Join(again, "\x00") != strings.Join(words, "\x00") || len(again) != len(words) {
			t.Fatalf("%q has the words %q, and then %q: %v", line, words, again, err)
		}
	})
}

// Durations, numbers and sentences of the service, whatever they are, are read or
// refused in words.
func FuzzArguments(f *testing.F) {
	for _, given := range []string{"10s", "-1h", "9223372036854775807ns", "1e9s", "", "17", "-1", "0x10", "99999999999999999999",
		"success[0].put.key is missing", `compares[999999999999999999999].span.key "span.key" is too long`, "key \xff"} {
		f.Add(given)
	}
	f.Fuzz(func(t *testing.T, given string) {
		if d, err := parseDuration("--wait", given); err == nil {
			if again, err := parseDuration("--wait", d.String()); err != nil || again != d {
				t.Fatalf("%q is %v, and then %v", given, d, again)
			}
		}
		if n, err := parseNumber("TOKEN", given); err == nil && n < 1 {
			t.Fatalf("%q is %d", given, n)
		}
		if said := userWords(given); len(said) > 64*len(given)+1024 {
			t.Fatalf("%q is said in %d bytes", given, len(said))
		}
	})
}
