package rpc

import (
	"cmp"

	"github.com/conclavehq/conclave/internal/budget"
)

// Limits bound what all clients of a node together may have in progress. Over one
// of them a call is answered at once: OVERLOADED, and when to come again. The
// zero value is the limits that nodes have.
type Limits struct {
	// Calls that came over pipelines and are not answered yet.
	Calls int64
	// Unary calls that did not come over a pipeline, those that wait included.
	Unary int64
	// Waits that came over pipelines: calls that stand in a line or wait for news.
	Waits int64
	// Bytes of the requests, of each of these three.
	Bytes int64
}

// budgets count what all clients together have in progress.
type budgets struct{ calls, unary, waits budget.Budget }

func newBudgets(l Limits) budgets {
	bytes := cmp.Or(l.Bytes, 256<<20)
	return budgets{
		calls: budget.New(cmp.Or(l.Calls, 256<<10), bytes),
		unary: budget.New(cmp.Or(l.Unary, 32<<10), bytes),
		waits: budget.New(cmp.Or(l.Waits, 256<<10), bytes),
	}
}
