package conclave

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	conclavev1 "github.com/conclavehq/conclave/proto/gen/conclave/v1"
)

// answering is what a server says that is no node.
func answering(code int, kind, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", kind)
		w.WriteHeader(code)
		_, _ = w.Write([]byte(body))
	}
}

func TestWhatIsNoNodeIsLeft(t *testing.T) {
	puts := 0
	good := &fakeNode{put: func(*conclavev1.PutRequest) (*conclavev1.PutResponse, error) {
		puts++
		return &conclavev1.PutResponse{Revision: 2}, nil
	}}
	for name, other := range map[string]http.Handler{
		"not found":     answering(http.StatusNotFound, "text/plain", "404 page not found"),
		"another API":   answering(http.StatusNotFound, "application/json", `{"code":"not_found","message":"?"}`),
		"a page":        answering(http.StatusOK, "text/html", "<html>"),
		"a login":       answering(http.StatusFound, "text/html", ""),
		"a TLS port":    answering(http.StatusBadRequest, "text/plain", "Client sent an HTTP request to an HTTPS server."),
		"not permitted": answering(http.StatusForbidden, "text/plain", "no"),
	} {
		puts = 0
		server := httptest.NewServer(other)
		defer server.Close()
		if at, err := dial(t, []string{server.URL, good.serve(t)}).Put(t.Context(), "a", "b"); err != nil || at != 2 || puts != 1 {
			t.Errorf("%s: %v, %v, %d", name, at, err, puts)
		}
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
			defer cancel()
			_, err := dial(t, []string{"http://other"}, network{"other": other}.everywhere()).Put(ctx, "a", "b")
			const want = "what answers at http://other is not a Conclave client port"
			if !errors.Is(err, ErrUnavailable) || errors.Is(err, ErrOutcomeUnknown) || !strings.Contains(err.Error(), want) {
				t.Errorf("%s alone: %v", name, err)
			}
		})
	}
}

func TestTLSAtAPlainPort(t *testing.T) {
	server := httptest.NewServer(answering(http.StatusOK, "text/plain", ""))
	defer server.Close()
	url := "https" + strings.TrimPrefix(server.URL, "http")
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	c := dial(t, []string{url}, WithLogger(slog.New(firstLine{slog.DiscardHandler, cancel})))
	if _, err := c.Put(ctx, "a", "b"); !errors.Is(err, ErrUnavailable) || !strings.Contains(err.Error(), "say http:// instead") {
		t.Error(err)
	}
}

// firstLine is a log that acts on the first line that is written: with a call, that
// is when it has failed once and is to be tried again.
type firstLine struct {
	slog.Handler
	act func()
}

func (firstLine) Enabled(context.Context, slog.Level) bool { return true }

func (f firstLine) Handle(context.Context, slog.Record) error {
	f.act()
	return nil
}

// Nothing happened when nobody trusts the certificate.
func TestUnknownCertificate(t *testing.T) {
	server := httptest.NewTLSServer(http.NotFoundHandler())
	server.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelInfo)
	defer server.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	c := dial(t, []string{server.URL}, WithLogger(slog.New(firstLine{slog.DiscardHandler, cancel})))
	if _, err := c.Put(ctx, "a", "b"); !errors.Is(err, ErrUnavailable) || errors.Is(err, ErrOutcomeUnknown) {
		t.Error(err)
	}
}

// That no endpoint serves is logged once, and again every 30 s.
func TestADeadServiceIsLogged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		c, err := Dial(t.Context(), []string{"http://a", "http://b"},
			WithLogger(slog.New(slog.NewTextHandler(&log, nil))),
			WithHTTPClient(&http.Client{Transport: deaf{}}))
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		for calls := 1; calls <= 3; calls++ {
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
			_, err := c.Get(ctx, "a")
			cancel()
			// At 0 s and, in the second call, at 30 s.
			if got, want := strings.Count(log.String(), "no endpoint serves"), min(calls, 2); got != want || err == nil {
				t.Errorf("after call %d: %d lines, %v:\n%s", calls, got, err, log.String())
			}
		}
	})
}

// deaf is a network without an answer.
type deaf struct{}

func (deaf) RoundTrip(*http.Request) (*http.Response, error) { return nil, errors.New("no route") }
