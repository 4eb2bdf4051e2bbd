package server

import (
	"bytes"
	"strings"
	"testing"

	"github.com/rs/zerolog"
)

// What an HTTP server repeats many times a second is one sentence, once.
func TestAcceptErrorsAreASentence(t *testing.T) {
	var out bytes.Buffer
	log := httpLog(zerolog.New(&out))
	for range 100 {
		log.Print("http: Accept error: accept tcp 127.0.0.1:7400: accept4: too many open files; retrying in 5ms")
	}
	const want = `{"level":"error","reason":"too many open files","message":"no new connection can be accepted; those that there are go on, and it is tried again"}`
	if got := strings.TrimSpace(out.String()); got != want {
		t.Errorf("%s\nwant %s", got, want)
	}
	out.Reset()
	log.Print("http: something else")
	if got := out.String(); !strings.Contains(got, `"level":"warn"`) || !strings.Contains(got, "something else") {
		t.Error(got)
	}
}
