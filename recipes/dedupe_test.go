package recipes_test

import (
	"bytes"
	"testing"

	"github.com/conclavehq/conclave/internal/keys"
	logv1 "github.com/conclavehq/conclave/proto/gen/conclave/log/v1"
	"github.com/conclavehq/conclave/recipes/model"
)

// A client that never says which answers it has is stopped, not served at the
// cost of everybody's memory; and it can go on as soon as it says so.
func TestDedupeIsBoundedByNumber(t *testing.T) {
	state := model.New()
	put := func(sequence, doneBelow uint64) *logv1.Result {
		result, _ := state.Apply(&logv1.Command{
			NamespaceId: 1,
			RequestId:   &logv1.RequestId{Client: "c", Sequence: sequence, DoneBelow: doneBelow},
			Body:        &logv1.Command_Put{Put: &logv1.Put{Key: []byte("k")}},
		}, 0, 0)
		return result
	}
	const most = 10_000
	for sequence := range uint64(most) {
		if refusal := put(sequence+1, 0).GetRefusal(); refusal != nil {
			t.Fatalf("request %d: %v", sequence+1, refusal)
		}
	}
	refused := put(most+1, 0)
	if refused.GetRefusal().GetReason() != logv1.Reason_REASON_TOO_MANY {
		t.Errorf("request %d was answered with %v", most+1, refused)
	}
	if again := put(1, 0); !again.GetReplayed() {
		t.Errorf("the first request was applied again: %v", again)
	}
	// The refusal is not an answer that is kept: the request was not looked at.
	if result := put(most+1, most-4); result.GetRefusal() != nil {
		t.Errorf("a client that has its answers is refused: %v", result)
	}
	if kept := len(state.Records(1, keys.DedupeResults)); kept != 1 {
		t.Errorf("6 answers are kept in %d records", kept)
	}
}

func TestDedupeIsBoundedByBytes(t *testing.T) {
	state := model.New()
	value := bytes.Repeat([]byte("v"), 1<<20)
	var sequence, refusedAt uint64
	for refusedAt == 0 && sequence < 100 {
		sequence++
		result, _ := state.Apply(&logv1.Command{
			NamespaceId: 1,
			RequestId:   &logv1.RequestId{Client: "c", Sequence: sequence},
			Body:        &logv1.Command_Put{Put: &logv1.Put{Key: []byte("k"), Value: value, Previous: true}},
		}, 0, 0)
		if result.GetRefusal().GetReason() == logv1.Reason_REASON_TOO_MANY {
			refusedAt = sequence
		}
	}
	// The first answer has no previous value; the next sixteen fill the room.
	if refusedAt != 18 {
		t.Errorf("refused at request %d, not 18", refusedAt)
	}
}
