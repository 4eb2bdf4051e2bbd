package rpc_test

import (
	"net/http"
	"strings"
	"testing"
)

// Who sends a message that cannot be read is told which one, in words that are not
// the server's own.
func TestUnreadableMessages(t *testing.T) {
	s := newSite(t)
	for _, c := range []struct{ kind, procedure, body, want string }{
		{"application/proto", "KVService/Get", "\xff\xff", "the body is not a GetRequest: cannot parse"},
		{"application/proto", "KVService/Put", "\x0a\x01\xff", "the body is not a PutRequest: string field contains invalid UTF-8"},
		{"application/json", "KVService/Get", "[", "the body is not a GetRequest: "},
	} {
		req, err := http.NewRequest(http.MethodPost, s.url+"/conclave.v1."+c.procedure, strings.NewReader(c.body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", c.kind)
		code, answer := s.do(req)
		if code != http.StatusBadRequest || !strings.Contains(answer, c.want) || strings.Contains(answer, "*conclavev1") {
			t.Errorf("%s of %s: %d %s, want %q", c.kind, c.procedure, code, answer, c.want)
		}
	}
}
