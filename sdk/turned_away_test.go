package conclave

import (
	"context"
	"encoding/base64"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"connectrpc.com/connect"

	conclavev1 "github.com/conclavehq/conclave/proto/gen/conclave/v1"
)

// crowded is a node that has too many connections. It counts who came.
func crowded(t *testing.T) (url string, came *atomic.Int64) {
	came = new(atomic.Int64)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		came.Add(1)
		w.Header().Set("Connection", "close")
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusServiceUnavailable)
		_, _ = w.Write([]byte(`{"code":"unavailable","message":"nothing happened, because this node has too many connections",` +
			`"details":[{"type":"conclave.v1.ErrorInfo","value":"` + info(t) + `"}]}`))
	}))
	t.Cleanup(server.Close)
	return server.URL, came
}

// info is what the answer says in the terms of the API.
func info(t *testing.T) string {
	t.Helper()
	detail, err := connect.NewErrorDetail(&conclavev1.ErrorInfo{Reason: conclavev1.ErrorReason_ERROR_REASON_OVERLOADED})
	if err != nil {
		t.Fatal(err)
	}
	return base64.RawStdEncoding.EncodeToString(detail.Bytes())
}

// Who is turned away knows that nothing happened, and why, also of a request that
// must not be sent twice.
func TestTurnedAway(t *testing.T) {
	for name, opts := range map[string][]Option{"a connection of its own": nil, "the user's client": {WithHTTPClient(&http.Client{})}} {
		url, came := crowded(t)
		ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		defer cancel()
		c := dial(t, []string{url}, opts...)
		_, err := c.CreateNamespace(ctx, "n")
		if !errors.Is(err, ErrOverloaded) || errors.Is(err, ErrOutcomeUnknown) || !strings.Contains(err.Error(), "too many connections") {
			t.Errorf("%s: create: %v", name, err)
		}
		if came.Load() == 0 {
			t.Errorf("%s: nobody came", name)
		}
		if _, err := c.Status(t.Context(), url); !errors.Is(err, ErrOverloaded) {
			t.Errorf("%s: status: %v", name, err)
		}
		if err := c.Health(t.Context(), url); !errors.Is(err, ErrOverloaded) || strings.Contains(err.Error(), "{") {
			t.Errorf("%s: health: %v", name, err)
		}
	}
}

// Another node is asked at once, and the crowded one is left.
func TestTurnedAwayGoesElsewhere(t *testing.T) {
	url, came := crowded(t)
	created := 0
	other := &fakeNode{create: func() error { created++; return nil }}
	c := dial(t, []string{url, other.serve(t)})
	for range 3 {
		if _, err := c.CreateNamespace(t.Context(), "n"); err != nil {
			t.Fatal(err)
		}
	}
	if created != 3 || came.Load() > 2 {
		t.Errorf("created %d times, and the crowded node was asked %d times", created, came.Load())
	}
}
