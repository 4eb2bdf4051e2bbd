package etcdv2_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	logv1 "github.com/conclavehq/conclave/proto/gen/conclave/log/v1"
)

// exchange is a request and what is answered to it.
type exchange struct {
	method, target, form string
	status               int
	body                 string
}

func (s *site) exchanges(all []exchange) {
	s.t.Helper()
	for _, e := range all {
		s.want(e.method, e.target, e.form, e.status, e.body)
	}
}

// What the tutorials do with curl.
func TestFiles(t *testing.T) {
	t.Parallel()
	newSite(t).exchanges([]exchange{
		{"GET", "", "", 200, `{"action":"get","node":{"dir":true}}`},
		{"PUT", "/message", "value=Hello world", 201,
			`{"action":"set","node":{"key":"/message","value":"Hello world","modifiedIndex":2,"createdIndex":2}}`},
		{"GET", "/message", "", 200,
			`{"action":"get","node":{"key":"/message","value":"Hello world","modifiedIndex":2,"createdIndex":2}}`},
		{"PUT", "/message", "value=Hello etcd", 200,
			`{"action":"set","node":{"key":"/message","value":"Hello etcd","modifiedIndex":3,"createdIndex":3},` +
				`"prevNode":{"key":"/message","value":"Hello world","modifiedIndex":2,"createdIndex":2}}`},
		{"PUT", "/message?prevExist=false", "value=x", 412, `{"errorCode":105,"message":"Key already exists","cause":"/message","index":3}`},
		{"PUT", "/message?prevValue=two", "value=x", 412, `{"errorCode":101,"message":"Compare failed","cause":"[two != Hello etcd]","index":3}`},
		{"PUT", "/message?prevIndex=2", "value=x", 412, `{"errorCode":101,"message":"Compare failed","cause":"[2 != 3]","index":3}`},
		{"PUT", "/message?prevIndex=18446744073709551615", "value=x", 412,
			`{"errorCode":101,"message":"Compare failed","cause":"[18446744073709551615 != 3]","index":3}`},
		{"PUT", "/message?prevValue=two&prevIndex=2", "value=x", 412,
			`{"errorCode":101,"message":"Compare failed","cause":"[two != Hello etcd] [2 != 3]","index":3}`},
		{"PUT", "/message?prevValue=Hello%20etcd&prevIndex=3", "value=%3C%26%3E", 200,
			`{"action":"compareAndSwap","node":{"key":"/message","value":"\u003c\u0026\u003e","modifiedIndex":4,"createdIndex":3},` +
				`"prevNode":{"key":"/message","value":"Hello etcd","modifiedIndex":3,"createdIndex":3}}`},
		{"PUT", "/message?prevExist=true", "value=new", 200,
			`{"action":"update","node":{"key":"/message","value":"new","modifiedIndex":5,"createdIndex":3},` +
				`"prevNode":{"key":"/message","value":"\u003c\u0026\u003e","modifiedIndex":4,"createdIndex":3}}`},
		{"PUT", "/none?prevExist=true", "value=new", 404, `{"errorCode":100,"message":"Key not found","cause":"/none","index":5}`},
		{"PUT", "/message/below", "value=x", 400, `{"errorCode":104,"message":"Not a directory","cause":"/message","index":5}`},
		{"PUT", "/message?noValueOnSuccess=true", "value=quiet", 200, `{"action":"set"}`},
		{"DELETE", "/message?prevValue=new", "", 412, `{"errorCode":101,"message":"Compare failed","cause":"[new != quiet]","index":6}`},
		{"DELETE", "/message?prevIndex=6", "", 200,
			`{"action":"compareAndDelete","node":{"key":"/message","modifiedIndex":7,"createdIndex":6},` +
				`"prevNode":{"key":"/message","value":"quiet","modifiedIndex":6,"createdIndex":6}}`},
		{"DELETE", "/message", "", 404, `{"errorCode":100,"message":"Key not found","cause":"/message","index":7}`},
		{"GET", "/no/where", "", 404, `{"errorCode":100,"message":"Key not found","cause":"/no","index":7}`},
	})
}

func TestDirectories(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.exchanges([]exchange{
		{"PUT", "/dir", "dir=true", 201, `{"action":"set","node":{"key":"/dir","dir":true,"modifiedIndex":2,"createdIndex":2}}`},
		{"PUT", "/dir", "dir=true", 403, `{"errorCode":102,"message":"Not a file","cause":"/dir","index":2}`},
		{"PUT", "/dir", "value=x", 403, `{"errorCode":102,"message":"Not a file","cause":"/dir","index":2}`},
		{"PUT", "/dir?prevExist=false", "dir=true", 412, `{"errorCode":105,"message":"Key already exists","cause":"/dir","index":2}`},
		{"PUT", "/a/b", "value=1", 201, `{"action":"set","node":{"key":"/a/b","value":"1","modifiedIndex":3,"createdIndex":3}}`},
		{"PUT", "/a-c", "value=2", 201, `{"action":"set","node":{"key":"/a-c","value":"2","modifiedIndex":4,"createdIndex":4}}`},
		{"PUT", "/a/_h", "value=3", 201, `{"action":"set","node":{"key":"/a/_h","value":"3","modifiedIndex":5,"createdIndex":5}}`},
		// Sorted by names: /a comes before /a-c, although its keys follow.
		{"GET", "/?recursive=true", "", 200, `{"action":"get","node":{"dir":true,"nodes":[` +
			`{"key":"/a","dir":true,"nodes":[{"key":"/a/b","value":"1","modifiedIndex":3,"createdIndex":3}],"modifiedIndex":5,"createdIndex":5},` +
			`{"key":"/a-c","value":"2","modifiedIndex":4,"createdIndex":4},` +
			`{"key":"/dir","dir":true,"modifiedIndex":2,"createdIndex":2}]}}`},
		{"GET", "/", "", 200, `{"action":"get","node":{"dir":true,"nodes":[{"key":"/a","dir":true,"modifiedIndex":5,"createdIndex":5},` +
			`{"key":"/a-c","value":"2","modifiedIndex":4,"createdIndex":4},{"key":"/dir","dir":true,"modifiedIndex":2,"createdIndex":2}]}}`},
		{"GET", "/a/_h", "", 200, `{"action":"get","node":{"key":"/a/_h","value":"3","modifiedIndex":5,"createdIndex":5}}`},
		{"DELETE", "/a", "", 403, `{"errorCode":102,"message":"Not a file","cause":"/a","index":5}`},
		{"DELETE", "/a?dir=true", "", 403, `{"errorCode":108,"message":"Directory not empty","cause":"/a","index":5}`},
		{"DELETE", "/a/b", "", 200, `{"action":"delete","node":{"key":"/a/b","modifiedIndex":6,"createdIndex":3},` +
			`"prevNode":{"key":"/a/b","value":"1","modifiedIndex":3,"createdIndex":3}}`},
		{"DELETE", "/a/_h", "", 200, `{"action":"delete","node":{"key":"/a/_h","modifiedIndex":7,"createdIndex":5},` +
			`"prevNode":{"key":"/a/_h","value":"3","modifiedIndex":5,"createdIndex":5}}`},
		// It stays, although nothing is in it any more.
		{"GET", "/a", "", 200, `{"action":"get","node":{"key":"/a","dir":true,"modifiedIndex":7,"createdIndex":7}}`},
		{"DELETE", "/a?dir=true", "", 200, `{"action":"delete","node":{"key":"/a","dir":true,"modifiedIndex":8,"createdIndex":7},` +
			`"prevNode":{"key":"/a","dir":true,"modifiedIndex":7,"createdIndex":7}}`},
		{"PUT", "/a-c", "dir=true", 200, `{"action":"set","node":{"key":"/a-c","dir":true,"modifiedIndex":9,"createdIndex":9},` +
			`"prevNode":{"key":"/a-c","value":"2","modifiedIndex":4,"createdIndex":4}}`},
		{"PUT", "/a-c/x/y", "value=4", 201, `{"action":"set","node":{"key":"/a-c/x/y","value":"4","modifiedIndex":10,"createdIndex":10}}`},
		{"DELETE", "/a-c?recursive=true", "", 200, `{"action":"delete","node":{"key":"/a-c","dir":true,"modifiedIndex":11,"createdIndex":9},` +
			`"prevNode":{"key":"/a-c","dir":true,"modifiedIndex":9,"createdIndex":9}}`},
		{"DELETE", "/?recursive=true", "", 400, `{"errorCode":107,"message":"Root is read only","cause":"/","index":11}`},
		{"PUT", "/", "value=x", 400, `{"errorCode":107,"message":"Root is read only","cause":"/","index":11}`},
	})
	if keys := s.keys(); len(keys) != 1 || keys["/dir/"] != "" {
		t.Errorf("what is left: %q", keys)
	}
}

func TestInOrder(t *testing.T) {
	t.Parallel()
	newSite(t).exchanges([]exchange{
		{"POST", "/queue", "value=a", 201,
			`{"action":"create","node":{"key":"/queue/00000000000000000002","value":"a","modifiedIndex":2,"createdIndex":2}}`},
		{"POST", "/queue", "value=b", 201,
			`{"action":"create","node":{"key":"/queue/00000000000000000003","value":"b","modifiedIndex":3,"createdIndex":3}}`},
		{"DELETE", "/queue/00000000000000000003", "", 200,
			`{"action":"delete","node":{"key":"/queue/00000000000000000003","modifiedIndex":4,"createdIndex":3},` +
				`"prevNode":{"key":"/queue/00000000000000000003","value":"b","modifiedIndex":3,"createdIndex":3}}`},
		{"POST", "/queue", "dir=true", 201,
			`{"action":"create","node":{"key":"/queue/00000000000000000005","dir":true,"modifiedIndex":5,"createdIndex":5}}`},
		{"GET", "/queue?sorted=true", "", 200, `{"action":"get","node":{"key":"/queue","dir":true,"nodes":[` +
			`{"key":"/queue/00000000000000000002","value":"a","modifiedIndex":2,"createdIndex":2},` +
			`{"key":"/queue/00000000000000000005","dir":true,"modifiedIndex":5,"createdIndex":5}],"modifiedIndex":2,"createdIndex":2}}`},
		{"PUT", "/file", "value=x", 201, `{"action":"set","node":{"key":"/file","value":"x","modifiedIndex":6,"createdIndex":6}}`},
		{"POST", "/file", "value=x", 400, `{"errorCode":104,"message":"Not a directory","cause":"/file","index":6}`},
		// Who makes such names by hand does not stop those that are given.
		{"PUT", "/queue/00000000000000000900", "value=c", 201,
			`{"action":"set","node":{"key":"/queue/00000000000000000900","value":"c","modifiedIndex":7,"createdIndex":7}}`},
		{"POST", "/queue", "value=d", 201,
			`{"action":"create","node":{"key":"/queue/00000000000000000901","value":"d","modifiedIndex":8,"createdIndex":8}}`},
		{"PUT", "/queue/0000x", "value=e", 201,
			`{"action":"set","node":{"key":"/queue/0000x","value":"e","modifiedIndex":9,"createdIndex":9}}`},
		{"POST", "/queue", "value=f", 201,
			`{"action":"create","node":{"key":"/queue/00000000000000000010","value":"f","modifiedIndex":10,"createdIndex":10}}`},
	})
}

// What is wrong with a request in itself is told before anything is looked at.
func TestWrongRequests(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	wrong := func(code int, message, cause string) string {
		return fmt.Sprintf(`{"errorCode":%d,"message":%q,"cause":%q,"index":0}`, code, message, cause)
	}
	const field, number = "Invalid field", "The given index in POST form is not a number"
	s.exchanges([]exchange{
		{"GET", "/a?prevIndex=x", "", 400, wrong(203, number, `invalid value for "prevIndex"`)},
		{"GET", "/a?waitIndex=-1", "", 400, wrong(203, number, `invalid value for "waitIndex"`)},
		{"GET", "/a?recursive=x", "", 400, wrong(209, field, `invalid value for "recursive"`)},
		{"GET", "/a?sorted=", "", 400, wrong(209, field, `invalid value for "sorted"`)},
		{"GET", "/a?wait=x", "", 400, wrong(209, field, `invalid value for "wait"`)},
		{"GET", "/a?quorum=x&stream=x", "", 400, wrong(209, field, `invalid value for "quorum"`)},
		{"PUT", "/a?wait=true", "value=x", 400, wrong(209, field, `"wait" can only be used with GET requests`)},
		{"PUT", "/a?prevExist=x", "value=x", 400, wrong(209, field, `invalid value for prevExist`)},
		{"PUT", "/a", "refresh=x", 400, wrong(209, field, `invalid value for refresh`)},
		{"PUT", "/a", "refresh=true&value=x&ttl=1", 400, wrong(211, "Value provided on refresh", "A value was provided on a refresh")},
		{"PUT", "/a", "refresh=true", 400, wrong(212, "A TTL must be provided on refresh", "No TTL value set")},
		{"PUT", "/a", "value=x&ttl=soon", 400, wrong(202, "The given TTL in POST form is not a number", `invalid value for "ttl"`)},
		{"PUT", "/a", "value=x&prevValue=", 400, wrong(201, "PrevValue is Required in POST form", `"prevValue" cannot be empty`)},
		{"PUT", "/a", "value=%zz", 400, wrong(210, "Invalid POST form", `invalid URL escape "%zz"`)},
		{"PUT", "/a", "value=" + strings.Repeat("x", 11<<20), 400, wrong(210, "Invalid POST form", "http: POST too large")},
	})
	if keys := s.keys(); len(keys) != 0 {
		t.Errorf("a wrong request left %q", keys)
	}
}

func TestHeaders(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.call("PUT", "/a", "value=1")
	good := s.call("HEAD", "/a", "")
	if good.status != 200 || good.body != "" {
		t.Errorf("HEAD: %d %q", good.status, good.body)
	}
	for header, want := range map[string]string{"Content-Type": "application/json", "X-Etcd-Index": "2"} {
		if got := good.header.Get(header); got != want {
			t.Errorf("%s: %q, want %q", header, got, want)
		}
	}
	for _, header := range []string{"X-Etcd-Cluster-Id", "X-Raft-Index", "X-Raft-Term"} {
		if good.header.Get(header) == "" {
			t.Errorf("no %s in %v", header, good.header)
		}
	}
	bad := s.call("GET", "/b", "")
	if bad.header.Get("X-Etcd-Index") != "2" || bad.header.Get("X-Etcd-Cluster-Id") != good.header.Get("X-Etcd-Cluster-Id") {
		t.Errorf("an error has %v", bad.header)
	}
	not := s.call("PATCH", "/a", "")
	if not.status != http.StatusMethodNotAllowed || not.header.Get("Allow") != "HEAD,GET,PUT,POST,DELETE" || not.body != "Method Not Allowed\n" {
		t.Errorf("PATCH: %d %v %q", not.status, not.header, not.body)
	}
}

// A page of another site cannot write through the browser of who may.
func TestOtherOrigin(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	req, err := http.NewRequest("POST", s.url+"/v2/keys/a", strings.NewReader("value=x"))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Origin", "https://elsewhere.example")
	res, err := s.client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	if res.StatusCode != http.StatusForbidden || len(s.keys()) != 0 {
		t.Errorf("%s, and there is %q", res.Status, s.keys())
	}
}

// A path that is too deep is refused before anything is looked at, and what v3
// writes there is not shown.
func TestPathsAreBounded(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	deep := strings.Repeat("/d", 300)
	s.propose(&logv1.Command{Body: &logv1.Command_Put{Put: &logv1.Put{Key: []byte(deep), Value: []byte("x")}}})
	for _, method := range []string{"GET", "PUT", "DELETE"} {
		if r := s.call(method, deep, "value=x"); r.status != http.StatusBadRequest || !strings.Contains(r.body, `"errorCode":210`) {
			t.Errorf("%s: %d %s", method, r.status, r.body)
		}
	}
	if r := s.call("GET", "?recursive=true", ""); strings.Contains(r.body, "/d") {
		t.Errorf("shown: %.200s", r.body)
	}
}
