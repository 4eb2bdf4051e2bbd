package conclave

import (
	"crypto/rand"
	"sync"

	conclavev1 "github.com/conclavehq/conclave/proto/gen/conclave/v1"
)

// window is how far a client's newest request may be ahead of its oldest
// unanswered one. The service keeps the answers of everything in between.
const window = 1024

// requestIDs gives each mutation its request id.
//
// The service remembers the answers of a client from done_below on. A request
// that stays open for hours (a candidate that waits to lead) would therefore
// keep all answers after it alive, so a new client id is begun when the oldest
// open request falls a window behind: what is remembered is bounded by the open
// requests.
type requestIDs struct {
	suffix string

	mu      sync.Mutex // protects current and all streams
	current *requestStream
}

// requestStream is one client id as the service knows it.
type requestStream struct {
	client string
	next   uint64              // the next sequence
	low    uint64              // the smallest sequence that is open, or next
	done   [window / 64]uint64 // done[s % window]: s is answered; for low ≤ s < next
}

// requestID is the id of one mutation. Its retries use it again.
type requestID struct {
	ids      *requestIDs
	stream   *requestStream
	sequence uint64
}

func newRequestIDs(suffix string) *requestIDs {
	return &requestIDs{suffix: suffix}
}

// begin makes the id of a new mutation. The caller ends it once it has the
// answer, or will not ask for it any more.
func (r *requestIDs) begin() *requestID {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.current == nil || r.current.next-r.current.low >= window {
		r.current = &requestStream{client: rand.Text() + r.suffix, next: 1, low: 1}
	}
	id := &requestID{ids: r, stream: r.current, sequence: r.current.next}
	r.current.next++
	return id
}

// proto is the id as it is sent. A request that is given up moves done_below
// past it sooner or later: an attempt that is still on its way then is refused.
func (id *requestID) proto() *conclavev1.RequestId {
	id.ids.mu.Lock()
	defer id.ids.mu.Unlock()
	return &conclavev1.RequestId{
		Client:    id.stream.client,
		Sequence:  id.sequence,
		DoneBelow: id.stream.low,
	}
}

// end tells that the answer is here. Ending twice does nothing.
func (id *requestID) end() {
	id.ids.mu.Lock()
	defer id.ids.mu.Unlock()
	s := id.stream
	if id.sequence < s.low {
		return
	}
	s.mark(id.sequence, true)
	for s.low < s.next && s.marked(s.low) {
		s.mark(s.low, false)
		s.low++
	}
}

func (s *requestStream) mark(sequence uint64, done bool) {
	word, bit := &s.done[sequence%window/64], uint64(1)<<(sequence%64)
	if done {
		*word |= bit
	} else {
		*word &^= bit
	}
}

func (s *requestStream) marked(sequence uint64) bool {
	return s.done[sequence%window/64]&(1<<(sequence%64)) != 0
}
