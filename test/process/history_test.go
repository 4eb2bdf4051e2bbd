package process

import (
	"errors"
	"slices"
	"sync"
	"time"

	conclave "github.com/conclavehq/conclave/sdk"
)

// history is what the clients of a run saw, to be judged afterwards. All times
// are by the monotonic clock of this process, since the run began.
type history struct {
	began time.Time

	mu       sync.Mutex
	writes   []write
	reads    []reading
	holds    []holding
	enqueues []enqueuing
	claims   []claiming
	acks     []acking
	// complaints are errors that no fault of the run explains.
	complaints []error
}

func newHistory() *history { return &history{began: time.Now()} }

func (h *history) now() time.Duration { return time.Since(h.began) }

// outcome is what a client knows of its request in the end.
type outcome int

const (
	// acked: the service said that it happened.
	acked outcome = iota
	// refused: it surely did not.
	refused
	// unknown: it happened once or not at all.
	unknown
)

// outcomeOf reads the SDK's answer to a mutation.
func outcomeOf(err error) outcome {
	var e *conclave.Error
	switch {
	case err == nil:
		return acked
	case errors.As(err, &e) && !errors.Is(err, conclave.ErrOutcomeUnknown):
		return refused
	}
	return unknown
}

// write is one version of a key that a client tried to make. Values are never
// used twice.
type write struct {
	key, value string
	call, ret  time.Duration
	revision   conclave.Revision // when acked
	outcome    outcome
}

// reading is a linearizable read of one key; an absent one has the value "".
type reading struct {
	key, value string
	call, ret  time.Duration
	revision   conclave.Revision
}

// holding is a mutex in a client's hands: from got until left, which is taken
// before it is given back.
type holding struct {
	mutex           string
	token           conclave.Token
	call, got, left time.Duration
}

// enqueuing is a job that a client tried to add. Bodies are never used twice.
type enqueuing struct {
	body    string
	id      conclave.JobID // when acked
	outcome outcome
}

// claiming is a job in a worker's hands.
type claiming struct {
	id        conclave.JobID
	body      string
	receipt   conclave.Token
	call, ret time.Duration
}

// acking is a worker's attempt to finish a job.
type acking struct {
	id      conclave.JobID
	receipt conclave.Token
	outcome outcome
}

// record adds to a list of the history.
func record[T any](h *history, list *[]T, item T) {
	h.mu.Lock()
	defer h.mu.Unlock()
	*list = append(*list, item)
}

func (h *history) complain(err error) { record(h, &h.complaints, err) }

// ackedSince counts the writes that were called after a time and acknowledged,
// and tells when the first of them was.
func (h *history) ackedSince(when time.Duration) (n int, first time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for i := len(h.writes) - 1; i >= 0; i-- {
		w := h.writes[i]
		if w.ret < when {
			break // recorded in the order of their ends, nearly
		}
		if w.outcome == acked && w.call >= when {
			if n++; n == 1 || w.ret < first {
				first = w.ret
			}
		}
	}
	return n, first
}

// longestPause is the longest time without an acknowledged write since a moment.
func (h *history) longestPause(since time.Duration) time.Duration {
	h.mu.Lock()
	defer h.mu.Unlock()
	var ends []time.Duration
	for _, w := range h.writes {
		if w.outcome == acked && w.ret >= since {
			ends = append(ends, w.ret)
		}
	}
	slices.Sort(ends)
	longest := time.Duration(0)
	for _, end := range ends {
		longest = max(longest, end-since)
		since = end
	}
	return longest
}
