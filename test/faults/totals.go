package main

import (
	"fmt"

	"github.com/conclavehq/conclave/test/faults/report"
	"github.com/conclavehq/conclave/test/faults/spec"
)

// totals are what all runs did together.
type totals struct {
	operations int64
	injections int
	byFault    map[string]int
}

func (t *totals) add(r *report.Result) {
	t.operations, t.injections = t.operations+r.Operations(), t.injections+r.Injections
	if t.byFault == nil {
		t.byFault = map[string]int{}
	}
	for id, n := range r.ByFault {
		t.byFault[id] += n
	}
}

// prove says what is too little. Where so many injections are wanted, one of each
// fault is, too, in whichever run.
func (t *totals) prove(least totals, specs []spec.Spec) error {
	if t.operations < least.operations || t.injections < least.injections {
		return fmt.Errorf("%d operations and %d injections prove too little: %d and %d are wanted",
			t.operations, t.injections, least.operations, least.injections)
	}
	if least.injections == 0 {
		return nil
	}
	for _, s := range specs {
		faults, err := s.Faults()
		if err != nil {
			return err
		}
		for _, f := range faults {
			if t.byFault[f.ID] == 0 {
				return fmt.Errorf("no run had an injection of %s (%s)", f.ID, f.Name)
			}
		}
	}
	return nil
}
