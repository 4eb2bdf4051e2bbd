package main

import (
	"bytes"
	"io"
	"log"
	"strings"
	"testing"
)

// What libraries write to Go's standard logger is not shown to who types commands.
func TestLibrariesAreSilent(t *testing.T) {
	before := log.Writer()
	defer log.SetOutput(before)
	var out, complaints bytes.Buffer
	run(t.Context(), []string{"put", "k", "v", "--endpoints", "http://127.0.0.1:1", "--timeout", "1ms"}, strings.NewReader(""), &out, &complaints)
	if log.Writer() != io.Discard {
		t.Error("the standard logger is heard")
	}
}
