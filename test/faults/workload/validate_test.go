package workload

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"testing"

	"github.com/conclavehq/conclave/test/faults/history"
)

// survey prints what there is in a history.
func survey(t *testing.T, records []history.Record) {
	t.Helper()
	counts := make(map[string]int)
	for _, r := range records {
		counts[fmt.Sprintf("workload %2d kind %2d outcome %d via %d %s", r.Workload, r.Kind, r.Outcome, r.Via, r.Reason)]++
	}
	for _, key := range slices.Sorted(maps.Keys(counts)) {
		t.Logf("%s: %d", key, counts[key])
	}
}

// validator holds records against the contract of package history.
type validator struct {
	t       *testing.T
	told    int                        // failures
	retired map[int32]history.Record   // clients by their unknown outcome
	last    map[int32]history.Record   // of each client
	values  map[string]bool            // that were written
	streams map[int32]*watcherState    // by watcher
	truth   map[string]map[string]bool // namespace → "revision key value"
	reached map[string]int64           // how far the log of a namespace goes
}

func validate(t *testing.T, records []history.Record) {
	t.Helper()
	v := &validator{t: t, retired: make(map[int32]history.Record), last: make(map[int32]history.Record),
		values: make(map[string]bool), streams: make(map[int32]*watcherState),
		truth: make(map[string]map[string]bool), reached: make(map[string]int64)}
	byCall := slices.Clone(records)
	slices.SortStableFunc(byCall, func(a, b history.Record) int { return cmp.Compare(a.Call, b.Call) })
	for _, r := range records {
		if r.Workload == history.Watches && r.Kind != history.Txn {
			v.watch(&r)
		}
	}
	for _, r := range byCall {
		if r.Workload != history.Watches {
			v.call(&r)
		}
	}
	for id, s := range v.streams {
		if s.open {
			v.failf("watcher %d has no end", id)
		}
	}
}

func (v *validator) failf(format string, args ...any) {
	v.t.Helper()
	if v.told++; v.told < 20 {
		v.t.Errorf(format, args...)
	}
}

// call looks at a call.
func (v *validator) call(r *history.Record) {
	before, seen := v.last[r.Client]
	same := seen && before.Call == r.Call && before.Return == r.Return // two records of one call
	switch {
	case r.Client == 0 || r.Workload == 0 || r.Kind == 0 || r.Namespace == "":
		v.failf("not all is said: %+v", r)
	case r.Call > r.Return:
		v.failf("it ended before it began: %+v", r)
	case r.Kind == history.List:
		if !same {
			v.failf("a list without its transaction: %+v", r)
		}
	case isNews(r), same:
	case seen && before.Return > r.Call:
		v.failf("two calls at a time: %+v and %+v", before, r)
	case v.retired[r.Client].Client != 0:
		v.failf("%+v after %+v", r, v.retired[r.Client])
	}
	v.recipe(r)
	if isNews(r) {
		return
	}
	v.last[r.Client] = *r
	writes := changes(r) || r.Kind != history.Txn && r.Kind != history.CounterRead && !isLook(r)
	switch r.Outcome {
	case history.Unknown:
		v.retired[r.Client] = *r
		if !writes {
			v.failf("a read is unknown: %+v", r)
		}
	case history.Refused:
		v.refused(r, writes)
	case history.OK:
		if r.Revision == 0 && r.At == 0 && (r.Kind == history.Txn || r.Kind == history.Incremented || r.Kind == history.CounterRead) {
			v.failf("no revision: %+v", r)
		}
	}
	v.written(r)
}

func (v *validator) refused(r *history.Record, writes bool) {
	if r.Reason == "" || r.Succeeded {
		v.failf("a refusal without a reason, or with a result: %+v", r)
	}
	if !writes && undecided[r.Reason] {
		v.failf("a read that failed: %+v", r)
	}
	if !writes && r.Kind == history.Txn && r.At == 0 && r.Since == 0 && r.Reason != "NAMESPACE_NOT_FOUND" {
		v.failf("a read of now was refused: %+v", r)
	}
}

// written looks at the values, and for what was acknowledged in the log.
func (v *validator) written(r *history.Record) {
	for i, ops := range [][]history.Op{r.Then, r.Else} {
		for _, op := range ops {
			if op.Type != history.Put {
				continue
			}
			if v.values[op.Value] {
				v.failf("a value is written twice: %+v", r)
			}
			v.values[op.Value] = true
			if r.Outcome == history.OK && r.Succeeded == (i == 0) && r.Revision <= v.reached[r.Namespace] &&
				!v.truth[r.Namespace][event(r.Revision, op.Key, op.Value)] {
				v.failf("%s at %d is not in the log: %+v", op.Key, r.Revision, r)
			}
		}
	}
	if r.Namespace == "default" && r.Outcome == history.OK && r.Revision > v.reached["default"] && r.Kind != history.List {
		v.failf("the log ends at %d, before %+v", v.reached["default"], r)
	}
}

func event(revision int64, key, value string) string { return fmt.Sprint(revision, key, value) }
