package etcdv2_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	logv1 "github.com/conclavehq/conclave/proto/gen/conclave/log/v1"
)

// Keys that other APIs write are files and directories here.
func TestKeysOfOthers(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.putKey("/app/web/1", "one", 0)   // 2
	s.putKey("/app/web/2", "two", 0)   // 3
	s.putKey("/app/web", "also", 0)    // 4: a file where a directory is
	s.putKey("plain", "x", 0)          // 5: no path leads there
	s.putKey("/app//odd", "x", 0)      // 6
	s.putKey("/app/./odd", "x", 0)     // 7
	s.putKey("/app/made/", "mark", 0)  // 8: a directory, whatever its value
	s.putKey("/only//odd", "x", 0)     // 9
	s.putKey("/app/\xff", "\xff", 0)   // 10: no text
	s.call("PUT", "/app/v2", "value=") // 11
	s.exchanges([]exchange{
		{"GET", "/app?recursive=true", "", 200, `{"action":"get","node":{"key":"/app","dir":true,"nodes":[` +
			`{"key":"/app/made","dir":true,"modifiedIndex":8,"createdIndex":8},` +
			`{"key":"/app/v2","value":"","modifiedIndex":11,"createdIndex":11},` +
			`{"key":"/app/web","dir":true,"nodes":[{"key":"/app/web/1","value":"one","modifiedIndex":2,"createdIndex":2},` +
			`{"key":"/app/web/2","value":"two","modifiedIndex":3,"createdIndex":3}],"modifiedIndex":2,"createdIndex":2},` +
			`{"key":"/app/\ufffd","value":"\ufffd","modifiedIndex":10,"createdIndex":10}` +
			`],"modifiedIndex":7,"createdIndex":7}}`},
		{"GET", "/", "", 200, `{"action":"get","node":{"dir":true,"nodes":[{"key":"/app","dir":true,"modifiedIndex":7,"createdIndex":7},` +
			`{"key":"/only","dir":true,"modifiedIndex":9,"createdIndex":9}]}}`},
		// The directory hides the file.
		{"PUT", "/app/web", "value=x", 403, `{"errorCode":102,"message":"Not a file","cause":"/app/web","index":11}`},
		{"PUT", "/app/web/3", "value=three", 201, `{"action":"set","node":{"key":"/app/web/3","value":"three","modifiedIndex":12,"createdIndex":12}}`},
		{"DELETE", "/only?dir=true", "", 403, `{"errorCode":108,"message":"Directory not empty","cause":"/only","index":12}`},
		{"DELETE", "/app/web?recursive=true", "", 200, `{"action":"delete","node":{"key":"/app/web","dir":true,"modifiedIndex":13,"createdIndex":2},` +
			`"prevNode":{"key":"/app/web","dir":true,"modifiedIndex":2,"createdIndex":2}}`},
		{"GET", "/app/web", "", 404, `{"errorCode":100,"message":"Key not found","cause":"/app/web","index":13}`},
	})
	want := map[string]string{"plain": "x", "/app//odd": "x", "/app/./odd": "x", "/app/made/": "mark", "/only//odd": "x", "/app/\xff": "\xff", "/app/v2": ""}
	if diff := cmp.Diff(want, s.keys()); diff != "" {
		t.Errorf("what is left (-want +got):\n%s", diff)
	}
}

// What this API writes are plain keys, and nothing is beside them: the mark of a
// directory is there when it was made by name, or when a delete left it empty.
func TestKeysForOthers(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	for _, step := range []struct {
		method, target, form string
		want                 map[string]string
	}{
		{"PUT", "/a/b/c", "value=1", map[string]string{"/a/b/c": "1"}},
		{"PUT", "/a/b/d", "value=2&ttl=100", map[string]string{"/a/b/c": "1", "/a/b/d": "2"}},
		{"DELETE", "/a/b/c", "", map[string]string{"/a/b/d": "2"}},
		{"DELETE", "/a/b/d", "", map[string]string{"/a/b/": ""}},
		{"PUT", "/a/b/e", "value=3", map[string]string{"/a/b/": "", "/a/b/e": "3"}},
		{"DELETE", "/a/b?recursive=true", "", map[string]string{"/a/": ""}},
		{"PUT", "/x/y", "dir=true", map[string]string{"/a/": "", "/x/y/": ""}},
		{"DELETE", "/x/y?dir=true", "", map[string]string{"/a/": "", "/x/": ""}},
	} {
		if got := s.call(step.method, step.target, step.form); got.status >= 300 {
			t.Fatalf("%+v: %s", step, got.body)
		}
		if diff := cmp.Diff(step.want, s.keys()); diff != "" {
			t.Fatalf("after %s %s (-want +got):\n%s", step.method, step.target, diff)
		}
	}
}

// The lease of another API's key is its TTL, and stays when the key is replaced.
func TestLeaseOfOthers(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.propose(&logv1.Command{Body: &logv1.Command_GrantLease{GrantLease: &logv1.GrantLease{LeaseId: 7, TtlMs: 60_000}}})
	s.putKey("/a", "1", 7)
	s.putKey("/b", "1", 7)
	if got := s.ask("GET", "/a", ""); got.Node.TTL != 60 {
		t.Errorf("a TTL of %d", got.Node.TTL)
	}
	s.call("PUT", "/a", "value=2")
	s.call("DELETE", "/b", "")
	if s.leases() != 1 {
		t.Error("the lease of another was ended")
	}
	all := s.stream("/?wait=true&stream=true&recursive=true")
	s.putKey("/c", "3", 7)
	s.propose(&logv1.Command{Body: &logv1.Command_RevokeLease{RevokeLease: &logv1.RevokeLease{LeaseId: 7}}})
	all.want(t, "6 set /c=3", "7 expire /c was 3")
}

// One request of another API may do what takes several here. A stream is told all
// of it; what is a directory's end is told as one.
func TestChangesOfOthers(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	all := s.stream("/?wait=true&stream=true&recursive=true")
	put := func(key, value string) *logv1.TxnOp {
		return &logv1.TxnOp{Op: &logv1.TxnOp_Put{Put: &logv1.Put{Key: []byte(key), Value: []byte(value)}}}
	}
	remove := func(key, end string) *logv1.TxnOp {
		return &logv1.TxnOp{Op: &logv1.TxnOp_DeleteRange{DeleteRange: &logv1.DeleteRange{Key: []byte(key), RangeEnd: []byte(end)}}}
	}
	txn := func(ops ...*logv1.TxnOp) {
		s.propose(&logv1.Command{Body: &logv1.Command_Txn{Txn: &logv1.Txn{Success: ops}}})
	}
	txn(put("/b/1", "1"), put("/a", "2"), put("/b/2", "3"), put("odd", "4")) // 2
	txn(remove("/b/", "/b0"), put("/c/d", "5"), put("/c/e", "6"))            // 3
	txn(remove("/c/d", ""), remove("/a", ""))                                // 4
	txn(remove("/c/e", ""))                                                  // 5
	all.want(t, "2 set /a=2", "2 set /b/1=1", "2 set /b/2=3", "3 delete /b/", "3 set /c/d=5", "3 set /c/e=6",
		"4 delete /a was 2", "4 delete /c/d was 5", "5 delete /c/e was 6")
}
