package conclave

import "testing"

// A session opens its stream for losses with the first thing that it has: 100,000
// sessions that have nothing must not take 100,000 streams.
func TestStreamForLossesOpensLate(t *testing.T) {
	l := newLine()
	close(l.granted)
	c := dial(t, []string{(&fakeNode{acquire: l.acquire, release: l.release}).serve(t)})
	opened := func(s *Session) bool {
		first := false
		s.losses.Do(func() { first = true })
		return !first
	}
	if opened(session(t, c)) {
		t.Error("a session that has nothing has a stream")
	}
	s := session(t, c)
	if _, err := s.Mutex("a").Lock(t.Context()); err != nil {
		t.Fatal(err)
	}
	if !opened(s) {
		t.Error("a session that holds a mutex has no stream")
	}
}
