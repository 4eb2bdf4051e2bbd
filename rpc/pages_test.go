package rpc_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"connectrpc.com/connect"
	"connectrpc.com/grpchealth"
	"connectrpc.com/grpcreflect"

	"github.com/conclavehq/conclave/proto/gen/conclave/v1/conclavev1connect"
)

func (s *site) get(t *testing.T, path string, headers ...string) (*http.Response, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(within(t), http.MethodGet, s.url+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	res, err := s.client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res, strings.TrimSpace(string(body))
}

func TestPages(t *testing.T) {
	s := newSite(t)
	for path, want := range map[string]string{
		"/livez":   "ok",
		"/readyz":  "ok",
		"/version": `{"api":"conclave.v1","version":"v0-test"}`,
	} {
		if res, body := s.get(t, path); res.StatusCode != http.StatusOK || body != want {
			t.Errorf("%s: %d %q, want %q", path, res.StatusCode, body, want)
		}
	}
	if _, body := s.get(t, "/readyz?verbose"); !strings.Contains(body, "shard 2: led by a") {
		t.Errorf("verbose: %q", body)
	}
	_, body := s.get(t, "/readyz", "Accept", "application/json")
	var state struct {
		Ready    bool
		Problems []string
		Shards   []struct{ Leader string }
	}
	if err := json.Unmarshal([]byte(body), &state); err != nil || !state.Ready || state.Problems == nil || len(state.Shards) != 3 {
		t.Errorf("as JSON: %q", body)
	}
	res, body := s.get(t, "/no/such/path")
	if res.StatusCode != http.StatusNotFound || !json.Valid([]byte(body)) || !strings.Contains(body, "/conclave.v1.KVService/Put") {
		t.Errorf("an unknown path: %d %q", res.StatusCode, body)
	}

	// A call that a service does not have is told as an error of the API.
	if code, body := s.post("KVService/Putt", `{}`); code != http.StatusNotFound ||
		body != `{"code":"unimplemented","message":"KVService has no call \"Putt\" in this version; docs/api.md and reflection list them"}` {
		t.Errorf("an unknown call: %d %s", code, body)
	}

	// Reads are there as GET, and no cache keeps them.
	res, body = s.get(t, "/conclave.v1.KVService/Get?connect=v1&encoding=json&message="+url.QueryEscape(`{"key":"a"}`))
	if res.StatusCode != http.StatusOK || res.Header.Get("Cache-Control") != "no-store" {
		t.Errorf("GET: %d %q %v", res.StatusCode, body, res.Header)
	}
	// Small answers are not compressed, whatever the client accepts.
	if res, _ := s.get(t, "/conclave.v1.ClusterService/GetStatus?connect=v1&encoding=json&message=%7B%7D", "Accept-Encoding", "gzip"); res.Header.Get("Content-Encoding") != "" {
		t.Errorf("a small answer is compressed with %s", res.Header.Get("Content-Encoding"))
	}

	s.server.Drain()
	if res, body := s.get(t, "/readyz"); res.StatusCode != http.StatusServiceUnavailable || body != "this node is stopping" {
		t.Errorf("drained: %d %q", res.StatusCode, body)
	}
	if res, body := s.get(t, "/livez"); res.StatusCode != http.StatusOK || body != "ok" {
		t.Errorf("drained, but alive: %d %q", res.StatusCode, body)
	}
}

func TestHealthAndReflection(t *testing.T) {
	s := newSite(t)
	ctx := within(t)
	health := grpchealth.NewClient(h2c(t), s.url, connect.WithGRPC())
	for _, service := range []string{"", conclavev1connect.MutexServiceName} {
		got, err := health.Check(ctx, &grpchealth.CheckRequest{Service: service})
		if err != nil || got.Status != grpchealth.StatusServing {
			t.Errorf("health of %q: %v, %v", service, got, err)
		}
	}
	if _, err := health.Check(ctx, &grpchealth.CheckRequest{Service: "x"}); connect.CodeOf(err) != connect.CodeNotFound {
		t.Errorf("health of an unknown service: %v", err)
	}
	reflection := grpcreflect.NewClient(h2c(t), s.url, connect.WithGRPC()).NewStream(ctx)
	names, err := reflection.ListServices()
	if err != nil || len(names) != 11 {
		t.Errorf("services: %v, %v", names, err)
	}
	if _, err := reflection.Close(); err != nil {
		t.Error(err)
	}

	events := health.Watch(ctx, &grpchealth.CheckRequest{})
	if event := <-events; event.Err != nil || event.Response.Status != grpchealth.StatusServing {
		t.Errorf("watched health: %+v", event)
	}
	s.server.Drain()
	for range events {
		// The stream ends.
	}
	got, err := health.Check(ctx, &grpchealth.CheckRequest{})
	if err != nil || got.Status != grpchealth.StatusNotServing {
		t.Errorf("health of a node that stops: %v, %v", got, err)
	}
}

func TestMetrics(t *testing.T) {
	s := newSite(t)
	s.ok("KVService/Put", `{"key":"a"}`)
	s.post("KVService/Put", `{"key":""}`)
	families, err := s.registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]float64{}
	for _, family := range families {
		for _, metric := range family.GetMetric() {
			name := family.GetName()
			for _, label := range metric.GetLabel() {
				name += " " + label.GetValue()
			}
			got[name] = metric.GetCounter().GetValue() + float64(metric.GetHistogram().GetSampleCount())
		}
	}
	const put = "/conclave.v1.KVService/Put"
	for name, want := range map[string]float64{
		"conclave_rpc_requests_total ok " + put:               1,
		"conclave_rpc_requests_total invalid_argument " + put: 1,
		"conclave_rpc_duration_seconds " + put:                2,
		"conclave_rpc_open_waits":                             0,
	} {
		if have, ok := got[name]; !ok || have != want {
			t.Errorf("%s is %v, want %v; there are %v", name, have, want, got)
		}
	}
}

// A request that is not JSON, or not the right JSON, is told apart from one that
// breaks a rule.
func TestBrokenJSON(t *testing.T) {
	s := newSite(t)
	for body, want := range map[string]string{
		``:                    "the body is empty; send {} for a request without fields",
		`{"key":`:             "the body is not a PutRequest: ",
		`{"kee":"a"}`:         `unknown field \"kee\"`,
		`{"lease_id":"many"}`: "invalid value for int64 field leaseId",
	} {
		if code, answer := s.post("KVService/Put", body); code != http.StatusBadRequest || !strings.Contains(answer, want) {
			t.Errorf("%s: %d %s, want %q", body, code, answer, want)
		}
	}
}
