package hostile

import (
	"strings"
	"testing"

	"google.golang.org/grpc/codes"
)

// A method that is never answered and a door over which nothing succeeds are told;
// a late answer among others, and calls that wait by their nature, are not.
func TestHangingIsTold(t *testing.T) {
	y := newTally()
	ask := func(way, path string, answers ...codes.Code) {
		for _, code := range answers {
			y.note(sent{door: &door{name: way}, method: method{path: path}}, code, "", nil)
		}
	}
	late := func(n int) (all []codes.Code) {
		for range n {
			all = append(all, codes.DeadlineExceeded)
		}
		return all
	}
	ask("good", "/a", append(late(20), codes.OK)...)
	ask("good", "/etcdserverpb.Watch/Watch", late(20)...)
	ask("good", "/rare", late(enough-1)...)
	ask("good", "/b", late(enough)...)
	ask("bad", "/a", append(late(3), codes.NotFound)...)
	got := strings.Join(y.hanging([]string{"good", "bad"}), "\n")
	if want := "none of 10 calls of /b over good was answered\nnothing succeeded over bad"; got != want {
		t.Errorf("told was\n%s\nwant\n%s", got, want)
	}
}

// A process that ends while requests are made ends them with what was found so far.
func TestGenerateTellsOfTheEnd(t *testing.T) {
	n := &node{exited: make(chan struct{})}
	close(n.exited)
	work := make(chan sent, 100)
	silent := door{name: "d", fits: func(method) bool { return true }}
	made, err := generate(n, []door{silent, {name: "v2"}}, newTally(), work)
	if err == nil || made == 0 {
		t.Errorf("%d requests were made, and the error is %v", made, err)
	}
}

// Replicas that are not compared are no proof of equality.
func TestHashesAreComplete(t *testing.T) {
	type shard = struct {
		Replicas []struct{ Hash, Problem string }
	}
	type replica = struct{ Hash, Problem string }
	good := shard{Replicas: []replica{{Hash: "a"}}}
	for _, c := range []struct {
		what  string
		given []shard
		ok    bool
	}{
		{"none", nil, false},
		{"one shard", []shard{good}, false},
		{"two", []shard{good, good}, true},
		{"no hash", []shard{good, {Replicas: []replica{{}}}}, false},
		{"a problem", []shard{good, {Replicas: []replica{{"a", "it is behind"}}}}, false},
		{"no replica", []shard{good, {}}, false},
	} {
		if err := (hashes{Shards: c.given}).complete(); (err == nil) != c.ok {
			t.Errorf("%s: %v", c.what, err)
		}
	}
}
