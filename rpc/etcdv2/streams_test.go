package etcdv2_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// stream is a wait for all changes.
type stream struct {
	cancel context.CancelFunc
	done   chan struct{}

	mu   sync.Mutex
	told []told
	more chan struct{} // closed when told grows
}

// follow begins a stream. It has begun when follow returns.
func follow(t *testing.T, client *http.Client, target string) *stream {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	req, err := http.NewRequestWithContext(ctx, "GET", target, nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	if res.StatusCode != http.StatusOK {
		t.Fatalf("%s: %s", target, res.Status)
	}
	s := &stream{cancel: cancel, done: make(chan struct{}), more: make(chan struct{})}
	go func() {
		defer close(s.done)
		defer func() { _ = res.Body.Close() }()
		for lines := newScanner(res.Body); lines.Scan(); {
			s.add(decode(t, lines.Text()))
		}
	}()
	t.Cleanup(s.close)
	return s
}

// newScanner reads events, which may be long.
func newScanner(from io.Reader) *bufio.Scanner {
	lines := bufio.NewScanner(from)
	lines.Buffer(nil, 1<<20)
	return lines
}

func (s *stream) close() {
	s.cancel()
	<-s.done
}

func (s *stream) add(one told) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.told = append(s.told, one)
	close(s.more)
	s.more = make(chan struct{})
}

// until waits until enough is told, but not longer than a while, and returns what
// is.
func (s *stream) until(while time.Duration, enough func([]told) bool) []told {
	timeout := time.NewTimer(while)
	defer timeout.Stop()
	for {
		s.mu.Lock()
		all, more := s.told, s.more
		s.mu.Unlock()
		if enough(all) {
			return all
		}
		select {
		case <-more:
		case <-timeout.C:
			return all
		}
	}
}

// streams are the same waits at etcd and here.
type streams struct {
	*pair
	paths      []string
	etcd, ours []*stream
}

func (p *pair) streams(paths ...string) *streams {
	p.t.Helper()
	s := &streams{pair: p}
	for _, at := range paths {
		for _, recursive := range []bool{false, true} {
			target := fmt.Sprintf("/v2/keys%s?wait=true&stream=true&recursive=%v", at, recursive)
			s.paths = append(s.paths, target)
			s.etcd = append(s.etcd, follow(p.t, p.client, p.etcd+target))
			s.ours = append(s.ours, follow(p.t, p.client, p.ours.url+target))
		}
	}
	return s
}

// settle is how long what etcd has told may be on its way.
const settle = 100 * time.Millisecond

// compare ends the streams and compares what they told, of which the last is what
// was told at an index.
func (s *streams) compare(last int64) {
	s.t.Helper()
	everything := 1
	s.etcd[everything].until(patience, func(all []told) bool {
		return len(all) > 0 && all[len(all)-1].Node.ModifiedIndex == last
	})
	s.etcd[everything].until(settle, func([]told) bool { return false })
	for i, at := range s.paths {
		var want []told
		got := s.ours[i].until(patience/10, func(all []told) bool {
			want = s.once(s.etcd[i].until(0, func([]told) bool { return true }))
			return len(all) >= len(want)
		})
		got = append([]told(nil), got...)
		for i := range got {
			s.translate(&got[i])
			got[i] = s.vague(got[i])
			// A directory that nobody made by name goes away with its last file.
			if i < len(want) && want[i].Node.Dir && strings.HasPrefix(got[i].Node.Key, want[i].Node.Key+"/") {
				got[i].Node.Key, got[i].Node.Dir = want[i].Node.Key, true
				got[i].PrevNode = want[i].PrevNode
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			s.t.Fatalf("%s: etcd and this node differ (-etcd +here):\n%s\nafter\n  %s", at, diff, strings.Join(s.script, "\n  "))
		}
		s.etcd[i].close()
		s.ours[i].close()
	}
}

// once drops what etcd tells a stream twice: the delete of the path itself.
func (s *streams) once(all []told) []told {
	var out []told
	for _, one := range all {
		if n := len(out); n == 0 || out[n-1].Node.ModifiedIndex != one.Node.ModifiedIndex {
			out = append(out, s.vague(one))
		}
	}
	return out
}

// vague leaves out what a watcher is not told here: which kind of a put or a
// delete it was, how long the node before still had, and since when there is a
// file that was set again.
func (s *streams) vague(t told) told {
	switch t.Action {
	case "create", "update", "compareAndSwap":
		t.Action = "set"
	case "compareAndDelete":
		t.Action = "delete"
	}
	simple := func(n *node) {
		if n.Expiration != nil {
			n.Expiration = &time.Time{}
		}
		n.TTL, n.CreatedIndex = 0, 0
		if n.Dir || s.isMoved(n.Key) {
			n.ModifiedIndex = 0
		}
	}
	index := t.Node.ModifiedIndex
	simple(&t.Node)
	t.Node.ModifiedIndex = index
	if t.PrevNode != nil {
		before := *t.PrevNode
		simple(&before)
		before.Expiration = nil
		t.PrevNode = &before
	}
	return t
}
