package profiles_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/conclavehq/conclave/internal/profiles"
)

func TestHandler(t *testing.T) {
	handler := profiles.Handler()
	for _, c := range []struct {
		path string
		code int
		body string
	}{
		{"/debug/pprof/", http.StatusOK, "goroutine"},
		{"/debug/pprof/cmdline", http.StatusOK, ".test"},
		{"/debug/pprof/symbol", http.StatusOK, "num_symbols"},
		{"/debug/pprof/goroutine?debug=1", http.StatusOK, "goroutine profile"},
		{"/debug/pprof/heap?gc=1&debug=1", http.StatusOK, "heap profile"},
		{"/debug/pprof/trace?seconds=0.01", http.StatusOK, "go 1."},
		{"/debug/pprof/profile?seconds=1", http.StatusOK, ""},
		{"/debug/pprof/nothing", http.StatusNotFound, "Unknown profile"},
		{"/", http.StatusNotFound, ""},
		{"/metrics", http.StatusNotFound, ""},
	} {
		got := httptest.NewRecorder()
		req := httptest.NewRequestWithContext(t.Context(), http.MethodGet, c.path, nil)
		req.Host = "127.0.0.1:7402"
		handler.ServeHTTP(got, req)
		if got.Code != c.code || !strings.Contains(got.Body.String(), c.body) {
			t.Errorf("%s: %d, want %d with %q in\n%.200q", c.path, got.Code, c.code, c.body, got.Body)
		}
	}
}

// A web page may have any name lead to this machine, and ask in its visitor's name.
func TestHandlerWantsAnAddress(t *testing.T) {
	for host, want := range map[string]int{
		"127.0.0.1:7402": http.StatusOK, "[::1]:7402": http.StatusOK, "[::1]": http.StatusOK, "localhost:7402": http.StatusOK,
		"example.com": http.StatusForbidden, "example.com:7402": http.StatusForbidden, "": http.StatusForbidden,
	} {
		got := httptest.NewRecorder()
		req := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/debug/pprof/cmdline", nil)
		req.Host = host
		profiles.Handler().ServeHTTP(got, req)
		if got.Code != want {
			t.Errorf("%q: %d, want %d", host, got.Code, want)
		}
	}
}
