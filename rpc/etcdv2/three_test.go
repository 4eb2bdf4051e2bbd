package etcdv2_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// Any node answers for the cluster.
func TestThreeNodes(t *testing.T) {
	t.Parallel()
	sites := newSites(t, 3)
	t.Run("keys", func(t *testing.T) { keysAnywhere(t, sites) })
	t.Run("in-order", func(t *testing.T) { inOrderAnywhere(t, sites) })
	t.Run("members", func(t *testing.T) { members(t, sites) })
}

// A wait at one node tells what was done at another, and a read sees it at once.
func keysAnywhere(t *testing.T, sites []*site) {
	there := sites[2].stream("/a?wait=true&stream=true&recursive=true")
	for i, s := range sites {
		s.call("PUT", fmt.Sprintf("/a/%d", i), "value=x")
		for _, other := range sites {
			if got := other.call("GET", fmt.Sprintf("/a/%d", i), ""); got.status != 200 {
				t.Errorf("not read at once at another node: %d %s", got.status, got.body)
			}
		}
	}
	there.want(t, "2 set /a/0=x", "3 set /a/1=x", "4 set /a/2=x")
	until(t, "a local read sees it", func() bool {
		return sites[1].call("GET", "/a/2?quorum=false", "").status == 200
	})
}

// In-order names are unique and grow with their index, whoever gives them where.
func inOrderAnywhere(t *testing.T, sites []*site) {
	const each = 12
	var all sync.WaitGroup
	for i, s := range sites {
		for range 2 {
			all.Go(func() {
				for range each {
					if got := s.call("POST", "/queue", fields("value", strconv.Itoa(i), "ttl", "100")); got.status != 201 {
						t.Errorf("%d %s", got.status, got.body)
					}
				}
			})
		}
	}
	all.Wait()
	nodes := sites[0].ask("GET", "/queue?sorted=true", "").Node.Nodes
	if len(nodes) != 2*len(sites)*each {
		t.Errorf("%d files", len(nodes))
	}
	if !slices.IsSortedFunc(nodes, func(a, b node) int { return int(a.CreatedIndex - b.CreatedIndex) }) {
		t.Errorf("the names are not in the order of their making: %+v", nodes)
	}
	if got := sites[0].leases(); got != len(nodes) {
		t.Errorf("%d leases for %d files", got, len(nodes))
	}
}

func members(t *testing.T, sites []*site) {
	type member struct {
		ID, Name             string
		PeerURLs, ClientURLs []string
	}
	get := func(target string, into any) reply {
		t.Helper()
		got := fetch(t, sites[1].client, "GET", sites[1].url+target, "")
		if err := json.Unmarshal([]byte(got.body), into); err != nil {
			t.Fatalf("%s: %d %s", target, got.status, got.body)
		}
		return got
	}
	var all struct{ Members []member }
	until(t, "all members are on record", func() bool {
		get("/v2/members", &all)
		return len(all.Members) == 3
	})
	for i, m := range all.Members {
		if m.Name != []string{"n1", "n2", "n3"}[i] || m.ID == "" || len(m.PeerURLs) != 1 || len(m.ClientURLs) != 1 || m.ClientURLs[0] != sites[i].url {
			t.Errorf("member %d: %+v", i, m)
		}
	}
	var leader member
	until(t, "there is a leader", func() bool { return get("/v2/members/leader", &leader).status == 200 })
	var self struct {
		Name, ID, State string
		LeaderInfo      struct{ Leader string }
	}
	get("/v2/stats/self", &self)
	if self.Name != "n2" || self.ID != all.Members[1].ID || self.LeaderInfo.Leader != leader.ID ||
		(self.State == "StateLeader") != (leader.ID == self.ID) {
		t.Errorf("%+v; the leader is %+v", self, leader)
	}
	urls := []string{sites[0].url, sites[1].url, sites[2].url}
	slices.Sort(urls)
	for _, c := range []struct {
		method, target string
		status         int
		body           string
	}{
		{"GET", "/v2/machines", 200, strings.Join(urls, ", ")},
		{"GET", "/v2/members/none", 404, `{"message":"Not found"}`},
		{"POST", "/v2/members", 409, `{"message":"conclave: the members of a running cluster cannot be changed through etcd's API"}`},
		{"DELETE", "/v2/members/1", 409, `{"message":"conclave: the members of a running cluster cannot be changed through etcd's API"}`},
		{"HEAD", "/v2/members", 405, ""},
		{"GET", "/v2/auth/enable", 200, `{"enabled":false}` + "\n"},
		{"PUT", "/v2/auth/enable", 409, `{"message":"conclave: there is no authentication in etcd's v2 API"}`},
		{"GET", "/v2/elsewhere", 404, "404 page not found\n"},
	} {
		got := fetch(t, sites[1].client, c.method, sites[1].url+c.target, "")
		if got.status != c.status || got.body != c.body {
			t.Errorf("%s %s: %d %s", c.method, c.target, got.status, got.body)
		}
	}
}
