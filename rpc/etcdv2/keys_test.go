package etcdv2_test

import "testing"

func TestSmoke(t *testing.T) {
	s := newSite(t)
	for _, c := range [][3]string{
		{"GET", "", ""}, {"PUT", "/message", "value=Hello"}, {"GET", "/message", ""}, {"PUT", "/message", "value=Hi&ttl=5"}, {"GET", "/message", ""},
		{"PUT", "/message", "value=Hi2&prevExist=true"}, {"DELETE", "/message", ""}, {"POST", "/q", "value=1"}, {"POST", "/q", "value=2"}, {"GET", "/q?recursive=true&sorted=true", ""},
		{"PUT", "/d/e/f", "value=2"}, {"GET", "/?recursive=true", ""}, {"DELETE", "/d/e/f", ""}, {"GET", "/d?recursive=true", ""}, {"DELETE", "/d", ""}, {"DELETE", "/d?dir=true", ""}, {"DELETE", "/d?recursive=true", ""}, {"GET", "/d/x", ""},
		{"PUT", "/dd", "dir=true&ttl=100"}, {"PUT", "/dd/x", "value=1"}, {"PUT", "/dd/y", "value=1&ttl=10"}, {"PUT", "/dd/z", "value=1&ttl=1000"}, {"GET", "/dd", ""}, {"PUT", "/dd?prevExist=true", "dir=true&ttl=50"}, {"GET", "/dd", ""},{"PUT", "/dd?prevExist=true", "dir=true"}, {"GET", "/dd", ""},
	} {
		r := s.call(c[0], c[1], c[2])
		t.Log(c, r.status, r.header.Get("X-Etcd-Index"), r.body)
	}
	t.Log(s.keys(), s.leases())
}
