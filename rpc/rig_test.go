package rpc_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"

	"github.com/conclavehq/conclave/cluster"
	"github.com/conclavehq/conclave/rpc"
	"github.com/conclavehq/conclave/statemachine"
	"github.com/conclavehq/conclave/statemachine/feed"
)

// patience is how long anything in these tests may take.
const patience = time.Minute

// node is a single node with a real cluster and state machine below it.
type node struct{ *cluster.Cluster }

// Watch begins a watch on the node's replica.
func (n node) Watch(shard uint64, req feed.WatchRequest) (*feed.Watcher, error) {
	machine, err := n.Machine(shard)
	if err != nil {
		return nil, err
	}
	return machine.(*statemachine.Machine).Watch(req)
}

// site is a server that listens, and a client for it.
type site struct {
	t        *testing.T
	url      string
	node     node
	server   *rpc.Server
	registry *prometheus.Registry
	client   *http.Client
}

func newSite(t *testing.T) *site {
	t.Helper()
	peers, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	c, err := cluster.Start(ctx, cluster.Config{
		Name:           "a",
		Dir:            t.TempDir(),
		PeerListeners:  []net.Listener{peers},
		InitialCluster: []cluster.Peer{{Name: "a", URL: "http://" + peers.Addr().String()}},
		NewMachine: func(c cluster.MachineConfig) cluster.Machine {
			return statemachine.New(statemachine.Config{
				Shard: c.Shard, Replica: c.Replica, Dir: c.Dir, Results: c.Results, Log: c.Log,
			})
		},
		Tick:           5 * time.Millisecond,
		HeartbeatTicks: 4,
		ElectionTicks:  40,
		Fatal:          func(err error) { t.Error(err) },
		Log:            zerolog.Nop(),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Stop(context.Background()) })
	select {
	case <-c.Ready():
	case <-ctx.Done():
		t.Fatal("the node is not ready")
	}
	s := serve(t, node{c})
	// All shards have to have a leader, which takes a moment longer.
	for s.ok("ClusterService/GetStatus", `{}`)["problems"] != nil {
		if ctx.Err() != nil {
			t.Fatal("a shard has no leader")
		}
	}
	return s
}

// serve lets a server answer on a port of its own.
func serve(t *testing.T, n node) *site { return serveWithin(t, n, rpc.Limits{}) }

// serveWithin does so within limits.
func serveWithin(t *testing.T, n node, limits rpc.Limits) *site {
	t.Helper()
	s := &site{t: t, node: n, registry: prometheus.NewRegistry()}
	s.server = rpc.New(rpc.Config{Cluster: n, Version: "v0-test", Registry: s.registry, Limits: limits})
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s.url = "http://" + listener.Addr().String()
	web := rpc.HTTPServer(s.server.Handler())
	done := make(chan struct{})
	go func() {
		_ = web.Serve(listener)
		close(done)
	}()
	s.client = &http.Client{Transport: &http.Transport{}}
	t.Cleanup(func() {
		s.server.Drain()
		s.client.CloseIdleConnections()
		_ = web.Close()
		<-done
	})
	return s
}

// post sends JSON as curl does and returns the answer as compact JSON.
func (s *site) post(method, body string) (int, string) {
	s.t.Helper()
	req, err := http.NewRequest(http.MethodPost, s.url+"/conclave.v1."+method, strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	return s.do(req)
}

func (s *site) do(req *http.Request) (int, string) {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	res, err := s.client.Do(req.WithContext(ctx))
	if err != nil {
		s.t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	var compact bytes.Buffer
	if err := json.Compact(&compact, body); err != nil {
		return res.StatusCode, string(body)
	}
	return res.StatusCode, compact.String()
}

// ok posts what has to succeed and returns the answer's fields.
func (s *site) ok(method, body string) map[string]any {
	s.t.Helper()
	code, answer := s.post(method, body)
	if code != http.StatusOK {
		s.t.Fatalf("%s %s: %d %s", method, body, code, answer)
	}
	fields := map[string]any{}
	if err := json.Unmarshal([]byte(answer), &fields); err != nil {
		s.t.Fatal(err)
	}
	return fields
}

// later posts what has to succeed while the test goes on.
func (s *site) later(method, body string) <-chan map[string]any {
	answer := make(chan map[string]any, 1)
	go func() {
		defer close(answer)
		answer <- s.ok(method, body)
	}()
	return answer
}

// refused posts what has to fail for a reason and returns the error's detail.
func (s *site) refused(method, body, code, reason string) map[string]any {
	s.t.Helper()
	_, answer := s.post(method, body)
	var failed struct {
		Code    string
		Message string
		Details []struct {
			Type  string
			Debug map[string]any
		}
	}
	if err := json.Unmarshal([]byte(answer), &failed); err != nil {
		s.t.Fatal(err)
	}
	if failed.Code != code || len(failed.Details) != 1 || failed.Details[0].Debug["reason"] != "ERROR_REASON_"+reason {
		s.t.Fatalf("%s %s: %s, want %s for %s", method, body, answer, code, reason)
	}
	return failed.Details[0].Debug
}

// want posts what has to give exactly this answer.
func (s *site) want(method, body, want string) {
	s.t.Helper()
	if code, answer := s.post(method, body); code != http.StatusOK || answer != want {
		s.t.Errorf("%s %s:\n got %d %s\nwant 200 %s", method, body, code, answer, want)
	}
}

// until posts until the answer is as it should be.
func (s *site) until(method, body string, done func(map[string]any) bool) {
	s.t.Helper()
	deadline := time.Now().Add(patience)
	for !done(s.ok(method, body)) {
		if time.Now().After(deadline) {
			s.t.Fatalf("%s %s is still not as it should be", method, body)
		}
	}
}

// revision is that of the default namespace, plus more.
func (s *site) revision(more int64) string {
	s.t.Helper()
	at, err := strconv.ParseInt(s.ok("KVService/Get", `{"key":"any"}`)["revision"].(string), 10, 64)
	if err != nil {
		s.t.Fatal(err)
	}
	return strconv.FormatInt(at+more, 10)
}
