package rig

import (
	"flag"
	"testing"
)

// waiting is how many tests to run at a time: most of what they do is wait.
const waiting = "6"

// Main runs the tests of a package, more of them at a time than there are
// processors unless the command line says how many.
func Main(m *testing.M) {
	flag.Parse()
	given := false
	flag.Visit(func(f *flag.Flag) { given = given || f.Name == "test.parallel" })
	if !given {
		if err := flag.Set("test.parallel", waiting); err != nil {
			panic(err)
		}
	}
	m.Run()
}
