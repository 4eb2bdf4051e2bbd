package server_test

import (
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"connectrpc.com/connect"
	"github.com/rs/zerolog"

	"github.com/conclavehq/conclave/internal/config"
	"github.com/conclavehq/conclave/internal/server"
	"github.com/conclavehq/conclave/internal/version"
	conclavev1 "github.com/conclavehq/conclave/proto/gen/conclave/v1"
	"github.com/conclavehq/conclave/proto/gen/conclave/v1/conclavev1connect"
)

// settings are those of a single node on free ports.
func settings(t *testing.T) config.Server {
	t.Helper()
	s := config.Default()
	s.DataDir = t.TempDir()
	s.ListenClientURLs = "http://127.0.0.1:0"
	s.ListenPeerURLs = "http://127.0.0.1:0"
	if err := s.Validate(); err != nil {
		t.Fatal(err)
	}
	return s
}

func start(t *testing.T) *server.Node {
	t.Helper()
	return startWith(t, server.Options{Settings: settings(t), Log: zerolog.Nop()})
}

func startWith(t *testing.T, opts server.Options) *server.Node {
	t.Helper()
	node, err := server.Start(t.Context(), opts)
	if err != nil {
		t.Fatal(err)
	}
	select {
	case <-node.Ready():
	case <-time.After(30 * time.Second):
		t.Fatal("the node was not ready in time")
	}
	return node
}

// A stop ends open streams with a clear code instead of waiting for them.
func TestStopEndsStreams(t *testing.T) {
	node := start(t)
	watches := conclavev1connect.NewWatchServiceClient(http.DefaultClient, node.URLs()[0])
	stream, err := watches.Watch(t.Context(), &conclavev1.WatchRequest{Span: &conclavev1.Span{Key: "k"}})
	if err != nil {
		t.Fatal(err)
	}
	if !stream.Receive() { // the revision that it starts from
		t.Fatal(stream.Err())
	}
	stopped := make(chan error, 1)
	go func() { stopped <- node.Stop(context.Background()) }()
	if stream.Receive() {
		t.Errorf("got %v after the stop", stream.Msg())
	}
	if code := connect.CodeOf(stream.Err()); code != connect.CodeUnavailable {
		t.Errorf("the stream ended with %v (%v), want unavailable", code, stream.Err())
	}
	if err := <-stopped; err != nil {
		t.Error(err)
	}
}

// The shards tell about themselves on /metrics.
func TestMetrics(t *testing.T) {
	node := start(t)
	response, err := http.Get(node.URLs()[0] + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(response.Body)
	if err := response.Body.Close(); err != nil {
		t.Fatal(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`conclave_shard_is_leader{shard="1"} 1`, `conclave_shard_has_leader{shard="2"} 1`, "conclave_shard_applied_index", "go_goroutines"} {
		if !strings.Contains(string(body), want) {
			t.Errorf("/metrics lacks %s", want)
		}
	}
	if err := node.Stop(context.Background()); err != nil {
		t.Error(err)
	}
}

// Etcd's clients find its versions beside this program's, and its health page, on
// the client port.
func TestEtcdPages(t *testing.T) {
	node := start(t)
	for path, want := range map[string]string{
		"/version": `{"api":"conclave.v1","etcdcluster":"3.7.0","etcdserver":"3.7.3","storage":"3.7.0","version":"` + version.Version + `"}`,
		"/health":  `{"health":"true","reason":""}`,
	} {
		if code, body := get(t, node.URLs()[0]+path); code != http.StatusOK || strings.TrimSpace(body) != want {
			t.Errorf("%s: %d %s, want %s", path, code, body, want)
		}
	}
	if err := node.Stop(context.Background()); err != nil {
		t.Error(err)
	}
}

// A port that somebody else has is one sentence, and nothing is left behind: the
// same settings with another port start.
func TestPortInUse(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = taken.Close() }()
	url := "http://" + taken.Addr().String()
	for _, c := range []struct {
		flag string
		set  func(s *config.Server, url string)
	}{
		{"--listen-client-urls", func(s *config.Server, url string) { s.ListenClientURLs = url }},
		{"--listen-peer-urls", func(s *config.Server, url string) { s.ListenPeerURLs = url }},
		{"--listen-debug-url", func(s *config.Server, url string) { s.ListenDebugURL = url }},
	} {
		opts := server.Options{Settings: settings(t), Debug: http.NotFoundHandler(), Log: zerolog.Nop()}
		c.set(&opts.Settings, url)
		_, err = server.Start(t.Context(), opts)
		if err == nil || !strings.HasPrefix(err.Error(), c.flag+": ") || !strings.Contains(err.Error(), "is in use by another process") {
			t.Errorf("got %v, want a sentence about the port of %s", err, c.flag)
		}
		c.set(&opts.Settings, "http://127.0.0.1:0")
		if err := startWith(t, opts).Stop(context.Background()); err != nil {
			t.Error(err)
		}
	}
}
