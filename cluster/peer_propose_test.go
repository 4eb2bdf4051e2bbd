package cluster

import (
	"slices"
	"testing"

	logv1 "github.com/conclavehq/conclave/proto/gen/conclave/log/v1"
)

// The answers of one batch can be larger together than a message may be.
func TestLargeOutcomesGoInManyMessages(t *testing.T) {
	b := newBatch()
	p := part{batch: b}
	var results []*logv1.Result
	for i, size := range []int{10, 20, maxBatchBytes - 100, 200, 3 * maxBatchBytes, 10, 10} {
		b.add([]byte("command"))
		p.calls, p.slots = append(p.calls, uint64(i)), append(p.slots, i)
		results = append(results, &logv1.Result{Refusal: &logv1.Refusal{Detail: string(make([]byte, size))}})
	}
	b.decide(results, nil)

	var messages []int
	var calls []uint64
	for _, response := range p.responses() {
		messages = append(messages, len(response.GetOutcomes()))
		for _, outcome := range response.GetOutcomes() {
			calls = append(calls, outcome.GetCallId())
		}
	}
	if want := []int{3, 1, 1, 2}; !slices.Equal(messages, want) {
		t.Errorf("messages of %v outcomes, want %v", messages, want)
	}
	if !slices.Equal(calls, p.calls) {
		t.Errorf("calls %v, want %v", calls, p.calls)
	}
	if empty := (&part{}).responses(); len(empty) != 1 {
		t.Errorf("no outcomes go in %d messages", len(empty))
	}
}
