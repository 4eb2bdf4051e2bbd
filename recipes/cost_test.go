package recipes_test

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	logv1 "github.com/conclavehq/conclave/proto/gen/conclave/log/v1"
	"github.com/conclavehq/conclave/recipes"
	"github.com/conclavehq/conclave/recipes/model"
)

// lines is a state in which many sessions wait for one mutex and stand for one
// election. Tickets and tokens follow from the order: the holder has token 2,
// the first in line ticket 3.
func lines(t *testing.T, waiters int) *meterState {
	t.Helper()
	s := &meterState{model: model.New()}
	for id := range int64(waiters) + 2 {
		measure(t, s, recipes.GrantLease, &logv1.GrantLease{LeaseId: id + 1, TtlMs: 10_000})
	}
	for id := range int64(waiters) + 1 {
		measure(t, s, recipes.AcquireMutex, &logv1.AcquireMutex{Name: "m", LeaseId: id + 1, WaitMs: 60_000})
	}
	for id := range int64(waiters) + 1 {
		measure(t, s, recipes.Campaign, &logv1.Campaign{Name: "e", LeaseId: id + 1, WaitMs: 60_000})
	}
	return s
}

// Guarantees M12 and E12: no operation costs more when many wait.
func TestCostDoesNotGrowWithTheLine(t *testing.T) {
	const short, long = 10, 10_000
	costs := func(waiters int) map[string]cost {
		s := lines(t, waiters)
		spent := map[string]cost{}
		newcomer := int64(waiters) + 2
		term := int64(waiters) + 3
		_, spent["join mutex"] = measure(t, s, recipes.AcquireMutex, &logv1.AcquireMutex{Name: "m", LeaseId: newcomer, WaitMs: 60_000})
		_, spent["leave mutex"] = measure(t, s, recipes.CancelAcquire, &logv1.CancelAcquire{Name: "m", LeaseId: newcomer})
		_, spent["hand off"] = measure(t, s, recipes.ReleaseMutex, &logv1.ReleaseMutex{Name: "m", Token: 2})
		_, spent["break"] = measure(t, s, recipes.BreakMutex, &logv1.BreakMutex{Name: "m"})
		_, spent["join election"] = measure(t, s, recipes.Campaign, &logv1.Campaign{Name: "e", LeaseId: newcomer, WaitMs: 60_000})
		_, spent["leave election"] = measure(t, s, recipes.CancelCampaign, &logv1.CancelCampaign{Name: "e", LeaseId: newcomer})
		_, spent["proclaim"] = measure(t, s, recipes.Proclaim, &logv1.Proclaim{Name: "e", Term: term})
		_, spent["resign"] = measure(t, s, recipes.Resign, &logv1.Resign{Name: "e", Term: term})
		_, spent["end of a session"] = measure(t, s, recipes.RevokeLease, &logv1.RevokeLease{LeaseId: 5})
		_, spent["renewal"] = measure(t, s, recipes.RenewLease, &logv1.RenewLease{LeaseId: 6})
		return spent
	}
	few := costs(short)
	if diff := cmp.Diff(few, costs(long)); diff != "" {
		t.Errorf("costs with %d (-) and %d (+) in line differ:\n%s", short, long, diff)
	}
	// Guarantee L9: a renewal writes the deadline and its timer, and nothing else.
	if want := (cost{Gets: 3, Sets: 2, Deletes: 1}); few["renewal"] != want {
		t.Errorf("a renewal costs %+v, not %+v", few["renewal"], want)
	}
}

// A place among candidates of other priorities is counted, but not without end.
func TestPositionAmongPriorities(t *testing.T) {
	for _, test := range []struct{ ahead, want int }{{0, 1}, {7, 8}, {999, 1000}, {5000, 1000}} {
		s := &meterState{model: model.New()}
		for id := range int64(test.ahead) + 3 {
			measure(t, s, recipes.GrantLease, &logv1.GrantLease{LeaseId: id + 1, TtlMs: 10_000})
			if id <= int64(test.ahead) {
				measure(t, s, recipes.Campaign, &logv1.Campaign{Name: "e", LeaseId: id + 1, WaitMs: -1, Priority: 5})
			}
		}
		last := int64(test.ahead) + 2
		measure(t, s, recipes.Campaign, &logv1.Campaign{Name: "e", LeaseId: last, WaitMs: -1, Priority: 1})
		between, spent := measure(t, s, recipes.Campaign, &logv1.Campaign{Name: "e", LeaseId: last + 1, WaitMs: -1, Priority: 3})
		if got := int(between.GetPosition()); got != test.want {
			t.Errorf("behind %d others the position is %d, not %d", test.ahead, got, test.want)
		}
		if spent.Visits > 1100 {
			t.Errorf("to count a position behind %d others looks at %d records", test.ahead, spent.Visits)
		}
	}
}

// Ten thousand wait, and each is granted once, in order (guarantees M3 and M4).
func TestTenThousandHandOffs(t *testing.T) {
	const waiters = 10_000
	s := lines(t, waiters)
	token := int64(2)
	for i := range waiters {
		result, _ := measure(t, s, recipes.ReleaseMutex, &logv1.ReleaseMutex{Name: "m", Token: token})
		ticket := int64(3 + i)
		if next := result.GetNextToken(); next <= token {
			t.Fatalf("token %d follows %d", next, token)
		}
		token = result.GetNextToken()
		event, _ := measure(t, s, asRule(recipes.GetTicket), &logv1.GetTicket{Ticket: ticket})
		if event.GetToken() != token {
			t.Fatalf("after %d releases ticket %d is %v, not granted with %d", i+1, ticket, event, token)
		}
	}
}

// asRule lets a query be measured like a command.
func asRule[Q, R any](query func(recipes.Reader, Q) (R, *logv1.Refusal)) func(recipes.Tx, Q) (R, *logv1.Refusal) {
	return func(tx recipes.Tx, q Q) (R, *logv1.Refusal) { return query(tx, q) }
}

// A listing comes in pages, each going on after the last name of the one before.
func TestListMutexesInPages(t *testing.T) {
	s := &meterState{model: model.New()}
	measure(t, s, recipes.GrantLease, &logv1.GrantLease{LeaseId: 1, TtlMs: 10_000})
	for i := range 25 {
		for _, prefix := range []string{"a/", "b/", "c/"} {
			measure(t, s, recipes.AcquireMutex, &logv1.AcquireMutex{Name: fmt.Sprintf("%s%02d", prefix, i), LeaseId: 1})
		}
	}
	var names []string
	q := &logv1.ListMutexes{Prefix: "b/", Limit: 10}
	for {
		page, _ := measure(t, s, asRule(recipes.ListMutexes), q)
		for _, info := range page.GetMutexes() {
			names = append(names, info.GetName())
		}
		if !page.GetMore() {
			break
		}
		q.After = names[len(names)-1]
	}
	var want []string
	for i := range 25 {
		want = append(want, fmt.Sprintf("b/%02d", i))
	}
	if diff := cmp.Diff(want, names); diff != "" {
		t.Errorf("pages (-want +got):\n%s", diff)
	}
}
