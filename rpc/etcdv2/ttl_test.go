package etcdv2_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	logv1 "github.com/conclavehq/conclave/proto/gen/conclave/log/v1"
)

// until waits until something holds.
func until(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !holds(); {
		if time.Now().After(deadline) {
			t.Fatal("not in time: " + what)
		}
	}
}

// A node has a lease for as long as it has a TTL, and no lease is left behind.
func TestLeases(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	for _, step := range []struct {
		method, target, form string
		status, leases       int
		ttl                  int64
	}{
		{"PUT", "/t", "value=1&ttl=100", 201, 1, 100},
		{"PUT", "/t", "value=2&ttl=200", 200, 1, 200},
		{"PUT", "/t", "refresh=true&ttl=300", 200, 1, 300},
		{"PUT", "/t?prevExist=true", "refresh=true&ttl=400", 200, 1, 400},
		{"PUT", "/t?prevValue=2", "value=3&ttl=500", 200, 1, 500},
		{"PUT", "/t?prevValue=2", "value=3&ttl=600", 412, 1, 500},
		{"PUT", "/t?prevExist=false", "value=3&ttl=600", 412, 1, 500},
		{"PUT", "/t/below", "value=3&ttl=600", 400, 1, 500},
		{"PUT", "/none?prevExist=true", "value=3&ttl=600", 404, 1, 500},
		{"PUT", "/t?prevExist=true", "value=4", 200, 0, 0},
		{"PUT", "/t?prevExist=true", "value=5&ttl=100", 200, 1, 100},
		{"PUT", "/t", "value=6", 200, 0, 0},
		{"PUT", "/t", "value=7&ttl=100", 200, 1, 100},
		{"PUT", "/t", "dir=true&ttl=200", 200, 1, 200},
		{"PUT", "/t?prevExist=true", "dir=true&ttl=300", 200, 1, 300},
		{"POST", "/t", "value=8&ttl=30", 201, 2, 300},
		{"PUT", "/t?prevExist=true", "dir=true", 200, 1, 0},
		{"DELETE", "/t?recursive=true", "", 200, 0, 0},
		{"PUT", "/t", "value=9&ttl=9000000000000", 201, 1, 9_000_000_000},
		{"DELETE", "/t?prevValue=9", "", 200, 0, 0},
	} {
		if got := s.call(step.method, step.target, step.form); got.status != step.status {
			t.Fatalf("%v: %d %s", step, got.status, got.body)
		}
		if got := s.leases(); got != step.leases {
			t.Fatalf("%v: %d leases", step, got)
		}
		n := s.ask("GET", "/t", "").Node
		if n.TTL > step.ttl || n.TTL < step.ttl-30 || (n.Expiration != nil) != (step.ttl > 0) {
			t.Fatalf("%v: %+v", step, n)
		}
	}
}

// An expiration is the same whoever tells it and when.
func TestExpirationIsSteady(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	put := s.ask("PUT", "/t", "value=1&ttl=100").Node
	got := s.ask("GET", "/t", "").Node
	if !put.Expiration.Equal(*got.Expiration) {
		t.Errorf("%v, later %v", put.Expiration, got.Expiration)
	}
	if left := time.Until(*got.Expiration); left < 95*time.Second || left > 100*time.Second {
		t.Errorf("%v are left of 100 s", left)
	}
	replaced := s.ask("PUT", "/t", "value=2")
	if replaced.PrevNode.Expiration == nil || !replaced.PrevNode.Expiration.Equal(*put.Expiration) {
		t.Errorf("the node before ended %v, not %v", replaced.PrevNode.Expiration, put.Expiration)
	}
}

// A watcher is told of an expiry, and of a delete of what had a TTL.
func TestExpiry(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.call("PUT", "/d", "dir=true")
	all := follow(t, s.client, s.url+"/v2/keys/?wait=true&stream=true&recursive=true")
	s.call("PUT", "/d/deleted", "value=1&ttl=100")
	s.call("DELETE", "/d/deleted", "")
	s.call("PUT", "/d/expired", "value=2&ttl=1")
	s.call("PUT", "/dir", "dir=true&ttl=3")
	s.call("PUT", "/dir/a", "value=3")
	s.call("PUT", "/dir/b/c", "value=4&ttl=1000")
	events := all.until(patience, func(all []told) bool { return len(all) == 8 })
	var puts []string
	expiries := make(map[string]told)
	for _, e := range events {
		if e.Action == "expire" {
			expiries[e.Node.Key] = e
		} else {
			puts = append(puts, e.Action+" "+e.Node.Key)
		}
	}
	want := []string{"set /d/deleted", "delete /d/deleted", "set /d/expired", "set /dir", "set /dir/a", "set /dir/b/c"}
	if diff := cmp.Diff(want, puts); diff != "" || len(expiries) != 2 {
		t.Fatalf("expired %v, and told (-want +got):\n%s", expiries, diff)
	}
	file := expiries["/d/expired"]
	if file.PrevNode == nil || file.PrevNode.Value == nil || *file.PrevNode.Value != "2" || file.PrevNode.Expiration == nil {
		t.Errorf("expired: %+v", file)
	}
	if dir := expiries["/dir"]; !dir.Node.Dir || dir.PrevNode == nil || !dir.PrevNode.Dir {
		t.Errorf("expired: %+v", dir)
	}
	until(t, "all leases have ended", func() bool { return s.leases() == 0 })
	if got := s.ask("GET", "/d", ""); !got.Node.Dir || len(got.Node.Nodes) != 0 {
		t.Errorf("the directory that was made by name: %+v", got)
	}
}

// What is in a directory with a TTL ends with it, whatever happens to the TTL.
func TestDirectoryTTL(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.call("PUT", "/d", "dir=true&ttl=1000")
	s.call("PUT", "/d/plain", "value=1")
	s.call("PUT", "/d/short", "value=1&ttl=10")
	s.call("PUT", "/d/long", "value=1&ttl=5000")
	s.call("PUT", "/d/sub", "dir=true&ttl=500")
	s.call("PUT", "/d/sub/plain", "value=1")
	lease := func(key string) int64 {
		kvs := s.query(&logv1.Query{Body: &logv1.Query_Range{Range: &logv1.Range{Key: []byte(key)}}}).GetRange().GetKvs()
		if len(kvs) != 1 {
			t.Fatalf("%s: %v", key, kvs)
		}
		return kvs[0].GetLeaseId()
	}
	groups := func() []bool {
		dir, sub := lease("/d/"), lease("/d/sub/")
		return []bool{lease("/d/plain") == dir, lease("/d/long") == dir, lease("/d/short") != dir && lease("/d/short") != 0,
			sub == dir, lease("/d/sub/plain") == sub, dir == 0}
	}
	for _, step := range []struct {
		form   string
		leases int
		want   []bool
	}{
		{"", 3, []bool{true, true, true, false, true, false}},
		{"dir=true&ttl=2000", 3, []bool{true, true, true, false, true, false}},
		{"dir=true&ttl=100", 2, []bool{true, true, true, true, true, false}},
		{"dir=true", 1, []bool{true, true, true, true, true, true}},
	} {
		if step.form != "" {
			if got := s.call("PUT", "/d?prevExist=true", step.form); got.status != 200 {
				t.Fatalf("%s: %s", step.form, got.body)
			}
		}
		if diff := cmp.Diff(step.want, groups()); diff != "" || s.leases() != step.leases {
			t.Errorf("%q: %d leases, not %d; who shares one (-want +got):\n%s", step.form, s.leases(), step.leases, diff)
		}
	}
}
