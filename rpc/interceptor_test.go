package rpc

import (
	"bytes"
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/rs/zerolog"

	"github.com/conclavehq/conclave/cluster"
	logv1 "github.com/conclavehq/conclave/proto/gen/conclave/log/v1"
)

// call sends a Put to a server over the fake, and returns answer and log.
func call(t *testing.T, f *fake) (answer, log string) {
	t.Helper()
	var lines bytes.Buffer
	s := New(Config{Cluster: f, Log: zerolog.New(&lines).Level(zerolog.InfoLevel)})
	defer s.Drain()
	req := httptest.NewRequest(http.MethodPost, "/conclave.v1.KVService/Put", strings.NewReader(`{"key":"a"}`))
	req.Header.Set("Content-Type", "application/json")
	w := httptest.NewRecorder()
	s.Handler().ServeHTTP(w, req)
	return w.Body.String(), lines.String()
}

// A panic ends one call, not the server: the client is told nothing of it, and
// the operator where it was.
func TestPanicIsInternal(t *testing.T) {
	f, _, _ := newFake()
	f.propose = func(context.Context, *logv1.Command) (*logv1.Result, error) { panic("index 7 out of range") }
	answer, log := call(t, f)
	if !strings.Contains(answer, `"code":"internal"`) || strings.Contains(answer, "index 7") {
		t.Errorf("answer: %s", answer)
	}
	if !strings.Contains(log, "index 7") || !strings.Contains(log, "interceptor_test.go") {
		t.Errorf("log: %s", log)
	}
}

// The log is quiet about what clients do wrong, and about refusals.
func TestLogIsQuiet(t *testing.T) {
	for _, err := range []error{
		&cluster.RefusedError{Refusal: &logv1.Refusal{Reason: logv1.Reason_REASON_GUARD_FAILED}},
		cluster.ErrNoLeader, cluster.ErrOverloaded, context.Canceled,
	} {
		f, _, _ := newFake()
		f.propose = func(context.Context, *logv1.Command) (*logv1.Result, error) { return nil, err }
		if _, log := call(t, f); log != "" {
			t.Errorf("%v: %s", err, log)
		}
	}
	f, _, _ := newFake()
	f.propose = func(context.Context, *logv1.Command) (*logv1.Result, error) { return nil, errBroken }
	if answer, log := call(t, f); !strings.Contains(log, "disk 7") || strings.Contains(answer, "disk 7") {
		t.Errorf("an error of the server's own: told %s, logged %s", answer, log)
	}
}
