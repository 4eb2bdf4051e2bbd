package etcd_test

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/conclavehq/conclave/rpc/etcd"
)

// page gets a page as curl does.
func page(t *testing.T, method, url string) (code int, body string) {
	t.Helper()
	req, err := http.NewRequestWithContext(within(t), method, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	res, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, string(text)
}

func TestHealthPage(t *testing.T) {
	sites := newSites(t, 3)
	alone := sites[0]
	wantHealth := func(query string, code int, body string) {
		t.Helper()
		for _, url := range []string{alone.plain, "http://" + alone.native.Target()} {
			if c, b := page(t, http.MethodGet, url+"/health"+query); c != code || b != body {
				t.Errorf("%s: %d %s, want %d %s", query, c, b, code, body)
			}
		}
	}
	const well = `{"health":"true","reason":""}`
	wantHealth("", http.StatusOK, well)
	wantHealth("?serializable=true", http.StatusOK, well)
	wantHealth("?exclude=NOSPACE&exclude=CORRUPT", http.StatusOK, well)
	if code, _ := page(t, http.MethodPost, alone.plain+"/health"); code != http.StatusMethodNotAllowed {
		t.Errorf("a POST: %d", code)
	}

	where, err := alone.Namespace(within(t), etcd.DefaultNamespace)
	if err != nil {
		t.Fatal(err)
	}
	sites[1].stop()
	sites[2].stop()
	eventually(t, func() error {
		if alone.Standing(where.Shard).LeaderID != 0 {
			return io.ErrNoProgress
		}
		return nil
	})
	wantHealth("", http.StatusServiceUnavailable, `{"health":"false","reason":"RAFT NO LEADER"}`)
	wantHealth("?serializable=true", http.StatusOK, well)

	alone.api.Drain()
	if code, body := page(t, http.MethodGet, alone.plain+"/health?serializable=true"); code != http.StatusServiceUnavailable || !strings.Contains(body, "server stopped") {
		t.Errorf("while it stops: %d %s", code, body)
	}
}
