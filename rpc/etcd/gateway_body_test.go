package etcd_test

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
)

// endless is a value without an end, and counts how much of it was read.
type endless struct {
	began bool
	bytes int
}

func (e *endless) Read(p []byte) (int, error) {
	const begin = `{"key":"`
	if !e.began {
		e.began = true
		return copy(p, begin), nil
	}
	if e.bytes > 64<<20 {
		return 0, errors.New("64 MiB were read")
	}
	for i := range p {
		p[i] = 'a'
	}
	e.bytes += len(p)
	return len(p), nil
}

// The gateway refuses a body as soon as it is larger than any request, and takes
// the largest that etcd takes.
func TestGatewayBodies(t *testing.T) {
	s := newSite(t)
	post := func(body io.Reader) int {
		t.Helper()
		res, err := http.Post(s.plain+"/v3/kv/put", "application/json", body)
		if err != nil {
			t.Fatal(err)
		}
		_ = res.Body.Close()
		return res.StatusCode
	}
	body := &endless{}
	if code := post(body); code != http.StatusBadRequest {
		t.Errorf("a body without an end: %d", code)
	}
	if body.bytes > 8<<20 {
		t.Errorf("%d bytes of it were sent", body.bytes)
	}
	const million = 1 << 20
	if code := post(strings.NewReader(`{"key":"YQ==","value":"` + strings.Repeat("AAAA", million/3) + `"}`)); code != http.StatusOK {
		t.Errorf("a value of %d bytes: %d", million, code)
	}
}
