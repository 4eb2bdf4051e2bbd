package etcdv2_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/conclavehq/conclave/cluster"
	logv1 "github.com/conclavehq/conclave/proto/gen/conclave/log/v1"
	"github.com/conclavehq/conclave/rpc/etcdv2"
	"github.com/conclavehq/conclave/statemachine"
	"github.com/conclavehq/conclave/statemachine/feed"
)

// patience is how long anything in these tests may take.
const patience = time.Minute

// replica is a node with a real cluster and state machine below it.
type replica struct{ *cluster.Cluster }

// Watch begins a watch on the node's replica.
func (r replica) Watch(shard uint64, req feed.WatchRequest) (*feed.Watcher, error) {
	machine, err := r.Machine(shard)
	if err != nil {
		return nil, err
	}
	return machine.(*statemachine.Machine).Watch(req)
}

// site is a node that serves the API.
type site struct {
	t      *testing.T
	node   replica
	api    *etcdv2.Server
	url    string
	client *http.Client
}

// newSite starts a node alone.
func newSite(t *testing.T) *site { return newSites(t, 1)[0] }

// newSites starts the nodes of one cluster.
func newSites(t *testing.T, n int) []*site {
	t.Helper()
	var peers []cluster.Peer
	var ports []net.Listener
	var sites []*site
	for i := range n {
		ports = append(ports, listen(t))
		peers = append(peers, cluster.Peer{Name: fmt.Sprintf("n%d", i+1), URL: "http://" + ports[i].Addr().String()})
		sites = append(sites, &site{t: t, client: &http.Client{Transport: &http.Transport{}}})
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	for i, s := range sites {
		front := listen(t)
		s.url = "http://" + front.Addr().String()
		c, err := cluster.Start(ctx, cluster.Config{
			Name: peers[i].Name, Dir: t.TempDir(),
			PeerListeners: []net.Listener{ports[i]}, InitialCluster: peers, ClientURLs: []string{s.url},
			NewMachine: func(c cluster.MachineConfig) cluster.Machine {
				return statemachine.New(statemachine.Config{
					Shard: c.Shard, Replica: c.Replica, Dir: c.Dir, Results: c.Results, Log: c.Log,
				})
			},
			Tick: 5 * time.Millisecond, HeartbeatTicks: 4, ElectionTicks: 40,
			Fatal: func(err error) { t.Error(err) },
			Log:   zerolog.Nop(),
		})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = c.Stop(context.Background()) })
		s.node = replica{c}
		s.serve(front)
	}
	for _, s := range sites {
		select {
		case <-s.node.Ready():
		case <-ctx.Done():
			t.Fatal("a node is not ready")
		}
		if _, err := s.node.Namespace(ctx, "default"); err != nil {
			t.Fatal(err)
		}
	}
	return sites
}

func listen(t *testing.T) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// serve answers on a port: the API, and health as the node's own pages have it.
func (s *site) serve(l net.Listener) {
	s.api = etcdv2.New(etcdv2.Config{Cluster: s.node, Log: zerolog.New(zerolog.NewTestWriter(s.t))})
	mux := http.NewServeMux()
	s.api.Mount(mux)
	mux.HandleFunc("/health", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `{"health":"true"}`)
	})
	web := httptest.NewUnstartedServer(mux)
	_ = web.Listener.Close()
	web.Listener = l
	web.Start()
	s.t.Cleanup(func() {
		s.api.Drain()
		s.client.CloseIdleConnections()
		web.Close()
	})
}

// reply is an answer over HTTP.
type reply struct {
	status int
	header http.Header
	body   string
}

// call makes a request as curl does: fields are given as the form of a PUT or a
// POST, and are in the query of the others.
func (s *site) call(method, target, form string) reply {
	s.t.Helper()
	return fetch(s.t, s.client, method, s.url+"/v2/keys"+target, form)
}

func fetch(t *testing.T, client *http.Client, method, target, form string) reply {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	var body io.Reader
	if form != "" {
		body = strings.NewReader(form)
	}
	req, err := http.NewRequestWithContext(ctx, method, target, body)
	if err != nil {
		t.Fatal(err)
	}
	if form != "" {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	res, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return reply{res.StatusCode, res.Header, string(text)}
}

// want makes a request that has to be answered with exactly this status and body.
func (s *site) want(method, target, form string, status int, body string) {
	s.t.Helper()
	got := s.call(method, target, form)
	if got.status != status || strings.TrimSuffix(got.body, "\n") != body {
		s.t.Errorf("%s %s %s\n got %d %s\nwant %d %s", method, target, form, got.status, got.body, status, body)
	}
}

// propose does to the keys what another API would do.
func (s *site) propose(cmd *logv1.Command) *logv1.Result {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	where, err := s.node.Namespace(ctx, "default")
	if err != nil {
		s.t.Fatal(err)
	}
	cmd.NamespaceId = where.ID
	result, err := s.node.Propose(ctx, where.Shard, cmd)
	if err != nil || result.GetRefusal() != nil {
		s.t.Fatalf("%v: %v, %v", cmd, result, err)
	}
	return result
}

// putKey puts a key as the v3 API does.
func (s *site) putKey(key, value string, lease int64) {
	s.t.Helper()
	s.propose(&logv1.Command{Body: &logv1.Command_Put{Put: &logv1.Put{Key: []byte(key), Value: []byte(value), LeaseId: lease}}})
}

// query asks about the shown namespace.
func (s *site) query(q *logv1.Query) *logv1.Answer {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	where, err := s.node.Namespace(ctx, "default")
	if err != nil {
		s.t.Fatal(err)
	}
	q.NamespaceId = where.ID
	answer, err := s.node.Query(ctx, where.Shard, cluster.ReadOptions{}, q)
	if err != nil {
		s.t.Fatal(err)
	}
	return answer
}

// keys are all keys with their values, as the v3 API shows them.
func (s *site) keys() map[string]string {
	s.t.Helper()
	answer := s.query(&logv1.Query{Body: &logv1.Query_Range{Range: &logv1.Range{Key: []byte{0}, RangeEnd: []byte{0}}}})
	all := make(map[string]string)
	for _, kv := range answer.GetRange().GetKvs() {
		all[string(kv.GetKey())] = string(kv.GetValue())
	}
	return all
}

// leases counts the leases.
func (s *site) leases() int {
	s.t.Helper()
	answer := s.query(&logv1.Query{Body: &logv1.Query_ListLeases{ListLeases: &logv1.ListLeases{Limit: 1000}}})
	return len(answer.GetListLeases().GetLeases())
}

// told is a decoded answer.
type told struct {
	Action    string
	Node      node
	PrevNode  *node
	ErrorCode int
	Cause     string
	Index     int64
}

type node struct {
	Key           string
	Value         *string
	Dir           bool
	Expiration    *time.Time
	TTL           int64
	Nodes         []node
	ModifiedIndex int64
	CreatedIndex  int64
}

// ask makes a request and decodes the answer.
func (s *site) ask(method, target, form string) told {
	s.t.Helper()
	return decode(s.t, s.call(method, target, form).body)
}

func decode(t *testing.T, body string) told {
	t.Helper()
	var out told
	if err := json.Unmarshal([]byte(body), &out); err != nil {
		t.Fatalf("%q: %v", body, err)
	}
	return out
}

// fields are form fields.
func fields(pairs ...string) string {
	values := url.Values{}
	for i := 0; i < len(pairs); i += 2 {
		values.Set(pairs[i], pairs[i+1])
	}
	return values.Encode()
}
