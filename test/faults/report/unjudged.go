package report

import "github.com/conclavehq/conclave/test/faults/check"

// Interrupt says that the user has ended the run, so that it cannot be judged.
func (r *Result) Interrupt() { r.unjudged(Interrupted, "interrupted, not judged") }

// Unreadable says that the history cannot be read, so that whatever was found in it
// before cannot be shown any more. A run that was interrupted stays so.
func (r *Result) Unreadable(why error) {
	if r.Verdict != Interrupted {
		r.unjudged(Broken, why.Error())
	}
}

func (r *Result) unjudged(verdict Verdict, why string) {
	r.Verdict, r.Unjudged = verdict, why
	r.Cells, r.Notes, r.Idle = nil, nil, nil
	r.times(check.Outages{})
}
