package etcdv2_test

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"

	logv1 "github.com/conclavehq/conclave/proto/gen/conclave/log/v1"
)

// brief is an event in a few words.
func brief(e told) string {
	what := fmt.Sprintf("%d %s %s", e.Node.ModifiedIndex, e.Action, e.Node.Key)
	if e.Node.Dir {
		what += "/"
	}
	if e.Node.Value != nil {
		what += "=" + *e.Node.Value
	}
	if e.PrevNode != nil && e.PrevNode.Value != nil {
		what += " was " + *e.PrevNode.Value
	}
	return what
}

// stream tells the changes at a path while a test makes them.
func (s *site) stream(target string) *stream {
	s.t.Helper()
	return follow(s.t, s.client, s.url+"/v2/keys"+target)
}

// want waits until a stream has told as much as is wanted and compares.
func (s *stream) want(t *testing.T, want ...string) {
	t.Helper()
	var got []string
	for _, e := range s.until(patience, func(all []told) bool { return len(all) >= len(want) }) {
		got = append(got, brief(e))
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("told (-want +got):\n%s", diff)
	}
}

// A wait is answered with the next change; its header has come before.
func TestWait(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.call("PUT", "/a", "value=1")
	res, err := s.client.Get(s.url + "/v2/keys/a?wait=true")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	if res.Header.Get("X-Etcd-Index") != "2" || res.StatusCode != http.StatusOK {
		t.Errorf("%d %v", res.StatusCode, res.Header)
	}
	s.call("PUT", "/a-other", "value=2")
	s.call("PUT", "/a", "value=3")
	answered := newScanner(res.Body)
	answered.Scan()
	want := `{"action":"set","node":{"key":"/a","value":"3","modifiedIndex":4,"createdIndex":4},` +
		`"prevNode":{"key":"/a","value":"1","modifiedIndex":2,"createdIndex":2}}`
	if answered.Text() != want || answered.Scan() {
		t.Errorf("told %s, then %q", answered.Text(), answered.Text())
	}
}

// waitIndex begins in the past, at the first change that concerns the path.
func TestWaitIndex(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.call("PUT", "/a/b", "value=1")  // 2
	s.call("PUT", "/a/_h", "value=2") // 3
	s.call("PUT", "/c", "value=3")    // 4
	s.call("DELETE", "/a/b", "")      // 5
	for target, want := range map[string]string{
		"/a?recursive=true&waitIndex=1": "2 set /a/b=1",
		"/a?recursive=true&waitIndex=3": "5 delete /a/b was 1",
		"/a/_h?waitIndex=2":             "3 set /a/_h=2",
		"/a/b?waitIndex=3":              "5 delete /a/b was 1",
		"/?recursive=true&waitIndex=3":  "4 set /c=3",
	} {
		if got := brief(s.ask("GET", target+"&wait=true", "")); got != want {
			t.Errorf("%s: %s, want %s", target, got, want)
		}
	}
	s.propose(&logv1.Command{Body: &logv1.Command_Compact{Compact: &logv1.Compact{Revision: 4}}})
	s.want("GET", "/a?wait=true&waitIndex=2", "", 400,
		`{"errorCode":401,"message":"The event in requested index is outdated and cleared","cause":"the requested history has been cleared [4/2]","index":5}`)
	if got := brief(s.ask("GET", "/?wait=true&recursive=true&waitIndex=5", "")); got != "5 delete /a/b was 1" {
		t.Errorf("after the compaction: %s", got)
	}
}

// What is told of each request. A TTL tells what the request was; without one, it
// is taken for a set.
func TestActions(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	all := s.stream("/?wait=true&stream=true&recursive=true")
	for _, step := range [][3]string{
		{"PUT", "/t?prevExist=false", "value=1&ttl=100"}, // 2
		{"PUT", "/t?prevExist=true", "value=2&ttl=100"},  // 3
		{"PUT", "/t?prevValue=2", "value=3&ttl=100"},     // 4
		{"PUT", "/t", "value=3&ttl=100"},                 // 5, again
		{"PUT", "/t", "refresh=true&ttl=200"},            // 6, not told
		{"PUT", "/t?prevExist=true", "value=4"},          // 7
		{"POST", "/q", "value=5"},                        // 8
		{"PUT", "/q/d", "dir=true"},                      // 9
		{"PUT", "/q?prevExist=true", "dir=true&ttl=100"}, // 10
		{"PUT", "/q?prevExist=true", "dir=true"},         // 11
		{"PUT", "/t", "dir=true"},                        // 12
		{"PUT", "/t/x/y", "value=6"},                     // 13
		{"DELETE", "/t/x?recursive=true", ""},            // 14
		{"PUT", "/t/_x", "value=7"},                      // 15, hidden
		{"DELETE", "/t?recursive=true", ""},              // 16
		{"DELETE", "/q/00000000000000000008", ""},        // 17
		{"DELETE", "/q/d?dir=true", ""},                  // 18
	} {
		if got := s.call(step[0], step[1], step[2]); got.status >= 300 {
			t.Fatalf("%v: %s", step, got.body)
		}
	}
	all.want(t, "2 create /t=1", "3 update /t=2 was 1", "4 compareAndSwap /t=3 was 2", "5 set /t=3 was 3", "7 set /t=4 was 3",
		"8 create /q/00000000000000000008=5", "9 set /q/d/", "10 update /q/", "11 update /q/", "12 set /t/ was 4", "13 set /t/x/y=6",
		"14 delete /t/x/y was 6", "16 delete /t/", "17 delete /q/00000000000000000008 was 5", "18 delete /q/d/")
}

// Who watches a path hears that a directory above it went away.
func TestParentDeleted(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.call("PUT", "/a", "dir=true")
	s.call("PUT", "/a/b/c", "value=1") // 3
	s.call("PUT", "/a/b/d", "value=2") // 4
	file, dir, other := s.stream("/a/b/c?wait=true&stream=true"), s.stream("/a/b?wait=true&stream=true"), s.stream("/a/x?wait=true&stream=true")
	s.call("DELETE", "/a?recursive=true", "") // 5
	s.call("PUT", "/a/x", "value=3")
	other.want(t, "6 set /a/x=3")
	file.want(t, "5 delete /a/")
	dir.want(t, "5 delete /a/")
}

// Drain ends waits, also those that begin later.
func TestDrain(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	waiting := s.stream("/a?wait=true")
	s.api.Drain()
	<-waiting.done
	s.want("GET", "/a?wait=true", "", 500, `{"errorCode":300,"message":"Raft Internal Error","cause":"etcdserver: server stopped","index":0}`)
}
