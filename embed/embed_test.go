package embed_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/conclavehq/conclave/embed"
)

func post(t *testing.T, url, body string) string {
	t.Helper()
	response, err := http.Post(url, "application/json", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	answer, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(answer)
}

// A node keeps what it acknowledged over a restart on the same directory
// (promise D1), and its log lines reach the program's logger.
func TestNodeKeepsItsData(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	dir := t.TempDir()
	var lines bytes.Buffer
	for life := range 2 {
		node, err := embed.Start(ctx, embed.Config{Dir: dir, Logger: slog.New(slog.NewTextHandler(&lines, nil))})
		if err != nil {
			t.Fatal(err)
		}
		kv := node.Endpoints()[0] + "/conclave.v1.KVService/"
		if life == 0 {
			post(t, kv+"Put", `{"key":"k","value":{"text":"kept"}}`)
		} else if got := post(t, kv+"Get", `{"key":"k"}`); !strings.Contains(got, "kept") {
			t.Errorf("after the restart: %s", got)
		}
		if err := node.Stop(); err != nil {
			t.Error(err)
		}
		<-node.Done()
	}
	if !strings.Contains(lines.String(), "ready to serve client requests") {
		t.Errorf("the program's logger heard nothing: %q", lines.String())
	}
}

func TestStartSaysWhatIsWrong(t *testing.T) {
	for _, c := range []struct {
		cfg  embed.Config
		want string
	}{
		{embed.Config{}, "Config.Dir is empty"},
		{embed.Config{Dir: t.TempDir(), ClientURL: "localhost"}, "Config.ClientURL"},
		{embed.Config{Dir: t.TempDir(), Name: "a b"}, "--name"},
	} {
		_, err := embed.Start(t.Context(), c.cfg)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: got %v, want an error with %q", c.cfg, err, c.want)
		}
	}
}

func Example() {
	dir, err := os.MkdirTemp("", "conclave-example-")
	if err != nil {
		panic(err)
	}
	defer func() { _ = os.RemoveAll(dir) }()

	node, err := embed.Start(context.Background(), embed.Config{Dir: dir})
	if err != nil {
		panic(err)
	}
	fmt.Println(len(node.Endpoints()), "endpoint")
	fmt.Println(node.Stop())
	// Output:
	// 1 endpoint
	// <nil>
}
