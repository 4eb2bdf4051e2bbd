package conclave

import "testing"

// A client goes to the leader that its node tells of, if it knows it, and not
// too often. What a node says that it has left already does not count.
func TestFollowTheLeader(t *testing.T) {
	e := newEndpoints([]string{"http://a", "http://b", "http://c"}, func(url string) *node { return &node{url: url} })
	a, b, c := e.nodes[0], e.nodes[1], e.nodes[2]
	e.current.Store(0)
	for _, step := range []struct {
		at     *node
		leader []string
		soon   bool // after it went somewhere
		want   *node
	}{
		{at: b, leader: []string{"http://c"}, want: a},
		{at: a, leader: []string{"http://x", "http://c"}, want: c},
		{at: c, leader: []string{"http://a"}, soon: true, want: c},
		{at: c, leader: []string{"http://a"}, want: a},
		{at: a, leader: []string{"http://unknown"}, want: a},
	} {
		if !step.soon {
			e.followed.Store(0)
		}
		e.follow(step.at, step.leader)
		if got := e.pick(); got != step.want {
			t.Errorf("after %s told of %v: at %s, want %s", step.at.url, step.leader, got.url, step.want.url)
		}
	}
}
