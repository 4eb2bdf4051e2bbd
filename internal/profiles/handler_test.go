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
		handler.ServeHTTP(got, httptest.NewRequestWithContext(t.Context(), http.MethodGet, c.path, nil))
		if got.Code != c.code || !strings.Contains(got.Body.String(), c.body) {
			t.Errorf("%s: %d, want %d with %q in\n%.200q", c.path, got.Code, c.code, c.body, got.Body)
		}
	}
}
