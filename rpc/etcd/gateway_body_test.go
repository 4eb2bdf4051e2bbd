package etcd_test

import (
	"bufio"
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

// A stream over one body may go on for days; only each of its messages is bounded.
func TestGatewayStreamsGoOn(t *testing.T) {
	s := newSite(t)
	asks := func(body io.Reader) (answers int) {
		t.Helper()
		res, err := http.Post(s.plain+"/v3/lease/keepalive", "application/json", body)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = res.Body.Close() }()
		for lines := bufio.NewScanner(res.Body); lines.Scan(); {
			if strings.HasPrefix(lines.Text(), `{"result"`) {
				answers++
			}
		}
		return answers
	}
	const messages = 100
	message := `{"ID":"7"}` + strings.Repeat(" ", 64<<10) + "\n"
	if answers := asks(strings.NewReader(strings.Repeat(message, messages))); answers != messages {
		t.Errorf("%d of %d messages were answered", answers, messages)
	}
	body := &endless{}
	if answers := asks(body); answers > 0 || body.bytes > 8<<20 {
		t.Errorf("of a message without an end %d bytes were read", body.bytes)
	}
}
