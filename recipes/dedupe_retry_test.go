package recipes_test

import (
	"bytes"
	"math/rand/v2"
	"testing"

	"github.com/conclavehq/conclave/internal/keys"
	logv1 "github.com/conclavehq/conclave/proto/gen/conclave/log/v1"
	"github.com/conclavehq/conclave/recipes/model"
)

// Promise D5: a request that comes in any order among others is applied once,
// and each retry gets the first answer, however long the answers before it in
// its record are, and after others of the record were forgotten.
func TestRetriesAreFoundAmongOthers(t *testing.T) {
	const last = 300 // five groups, the last one not full
	rng := rand.New(rand.NewPCG(1, 1))
	state := model.New()
	send := func(sequence, doneBelow uint64, size int) *logv1.Result {
		result, _ := state.Apply(&logv1.Command{
			NamespaceId: 1,
			RequestId:   &logv1.RequestId{Client: "c", Sequence: sequence, DoneBelow: doneBelow},
			Body: &logv1.Command_Put{Put: &logv1.Put{
				Key: []byte("k"), Value: bytes.Repeat([]byte("v"), size), Previous: true,
			}},
		}, 0, 0)
		return result
	}
	first := map[uint64]*logv1.Result{}
	for _, n := range rng.Perm(last) {
		sequence := uint64(n) + 1
		// Lengths take one byte and two, and some answers have their own record.
		first[sequence] = send(sequence, 0, []int{0, 10, 90, 110, 130, 300, 600}[rng.IntN(7)])
		if first[sequence].GetReplayed() || first[sequence].GetRefusal() != nil {
			t.Fatalf("request %d is new, and its answer is %v", sequence, first[sequence])
		}
	}
	if large := len(state.Records(1, keys.DedupeLarge)); large == 0 {
		t.Error("no answer was large")
	}
	for _, doneBelow := range []uint64{0, 1, 20, 64, 65, 100, 128, 250} {
		for sequence := max(doneBelow, 1); sequence <= last; sequence++ {
			again := send(sequence, doneBelow, 5)
			if !again.GetReplayed() {
				t.Fatalf("done below %d: request %d was applied again", doneBelow, sequence)
			}
			again.Replayed = false
			if !again.EqualVT(first[sequence]) {
				t.Fatalf("done below %d: request %d: the retry got %v, the first %v", doneBelow, sequence, again, first[sequence])
			}
		}
	}
	if result := send(last+1, 250, 5); result.GetReplayed() || result.GetRefusal() != nil {
		t.Errorf("a new request after all this is answered with %v", result)
	}
}
