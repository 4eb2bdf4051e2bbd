package etcdv2

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"path"
	"strings"
	"testing"
)

// A request of the v2 API is refused with a fault of etcd's, or has a path within
// the bounds whose key shows at the same path.
func FuzzParse(f *testing.F) {
	for _, seed := range [][3]string{
		{"PUT", "/v2/keys/a/b", "value=x&ttl=5&prevExist=true"}, {"GET", "/v2/keys/a", "wait=true&waitIndex=18446744073709551616"},
		{"POST", "/v2/keys//..//", "ttl=&refresh=1"}, {"DELETE", "/v2/keys", "dir=NaN&recursive"}, {"GET", "/v2/keys/_h", "%zz&;&="},
	} {
		f.Add(seed[0], seed[1], seed[2], false)
		f.Add(seed[0], seed[1], seed[2], true)
	}
	f.Fuzz(func(t *testing.T, method, target, form string, inBody bool) {
		r := &http.Request{Method: method, URL: &url.URL{Path: target, RawQuery: form}, Header: http.Header{}, Body: http.NoBody}
		if inBody {
			r.URL.RawQuery = ""
			r.Body = body{strings.NewReader(form)}
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		}
		req, wrong := parse(r)
		if wrong != nil {
			w := httptest.NewRecorder()
			if wrong.write(w); w.Code < 400 || w.Code >= 500 {
				t.Fatalf("%s %q %q is refused with status %d", method, target, form, w.Code)
			}
			return
		}
		if !within(req.path) || req.path[0] != '/' || path.Clean(req.path) != req.path {
			t.Fatalf("%q is taken as %q", target, req.path)
		}
	})
}

type body struct{ *strings.Reader }

func (body) Close() error { return nil }

// A key shows at no path, or at one that leads to it.
func FuzzShown(f *testing.F) {
	for _, key := range []string{"/a", "/a/", "a", "/", "//", "/a//b", "/a/../b", "/_h/x", "/a\x00", "/\xff", ""} {
		f.Add(key)
	}
	f.Fuzz(func(t *testing.T, key string) {
		p, mark, ok := shown(key)
		if !ok {
			return
		}
		if mark && dirStart(p) != key || !mark && p != key {
			t.Fatalf("%q shows at %q (a mark: %v)", key, p, mark)
		}
		for _, dir := range append(ancestors(p), root) {
			if !below(dir, p) || !(key >= dirStart(dir) && key < dirEnd(dir)) {
				t.Fatalf("%q is not below %q", key, dir)
			}
			_ = hiddenFrom(dir, p)
		}
	})
}
