package server_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/rs/zerolog"
	"go.uber.org/goleak"

	"github.com/conclavehq/conclave/internal/server"
)

// debugURLs receives where a node's log says that its debug port is.
type debugURLs chan string

func (urls debugURLs) Write(line []byte) (int, error) {
	var fields struct {
		URL string `json:"debug_url"`
	}
	if err := json.Unmarshal(line, &fields); err == nil && fields.URL != "" {
		urls <- fields.URL
	}
	return len(line), nil
}

// debugNode is a node with a debug port that serves debug, and the port's URL as
// the log tells it.
func debugNode(t *testing.T, debug http.Handler) (node *server.Node, url string) {
	t.Helper()
	urls := make(debugURLs, 1)
	opts := server.Options{Settings: settings(t), Debug: debug, Log: zerolog.New(urls).Level(zerolog.InfoLevel)}
	opts.Settings.ListenDebugURL = "http://127.0.0.1:0"
	node = startWith(t, opts)
	select {
	case url = <-urls:
		return node, url
	default:
		t.Fatal("the log does not say where the debug port is")
		return nil, ""
	}
}

func get(t *testing.T, url string) (code int, body string) {
	t.Helper()
	response, err := http.Get(url)
	if err != nil {
		t.Error(err)
		return 0, ""
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Error(err)
	}
	return response.StatusCode, string(text)
}

// A stop ends what the debug port is busy with; who asked gets what there is.
func TestDebugPortEndsWithTheNode(t *testing.T) {
	before := goleak.IgnoreCurrent()
	busy := make(chan struct{})
	node, url := debugNode(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		close(busy)
		<-r.Context().Done()
		_, _ = io.WriteString(w, "so far")
	}))
	answer := make(chan string)
	go func() {
		_, body := get(t, url)
		answer <- body
	}()
	<-busy
	stopped := make(chan error, 1)
	go func() { stopped <- node.Stop(context.Background()) }()
	if body := <-answer; body != "so far" {
		t.Errorf("got %q, want what there was when the node stopped", body)
	}
	if err := <-stopped; err != nil {
		t.Error(err)
	}
	if response, err := http.Get(url); err == nil {
		_ = response.Body.Close()
		t.Error("the debug port answers after the stop")
	}
	http.DefaultClient.CloseIdleConnections()
	goleak.VerifyNone(t, before)
}

// Clients' port shows nothing of the process, and without a URL nothing does.
func TestDebugPortIsApart(t *testing.T) {
	node, url := debugNode(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "profiles")
	}))
	if code, body := get(t, url); code != http.StatusOK || body != "profiles" {
		t.Errorf("%s: %d %q", url, code, body)
	}
	if code, _ := get(t, node.URLs()[0]+"/debug/pprof/"); code != http.StatusNotFound {
		t.Errorf("the client port answers %d, want 404", code)
	}
	if err := node.Stop(context.Background()); err != nil {
		t.Error(err)
	}
}

// A program without profiles says so, instead of serving http.DefaultServeMux.
func TestDebugPortNeedsAHandler(t *testing.T) {
	s := settings(t)
	s.ListenDebugURL = "http://127.0.0.1:0"
	_, err := server.Start(t.Context(), server.Options{Settings: s, Log: zerolog.Nop()})
	if err == nil || !strings.HasPrefix(err.Error(), "--listen-debug-url: ") {
		t.Errorf("got %v, want a sentence about the flag", err)
	}
}
