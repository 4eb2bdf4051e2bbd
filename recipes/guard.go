package recipes

import (
	logv1 "github.com/conclavehq/conclave/proto/gen/conclave/log/v1"
)

// guardsHold tells which hold that a transaction relies on is not current any
// more; nil if all are (promise R3).
func guardsHold(r Reader, guards []*logv1.Guard) *logv1.Refusal {
	for _, guard := range guards {
		if refusal := guardHolds(r, guard); refusal != nil {
			return refusal
		}
	}
	return nil
}

func guardHolds(r Reader, guard *logv1.Guard) *logv1.Refusal {
	failed := logv1.Reason_REASON_GUARD_FAILED
	switch hold := guard.GetHold().(type) {
	case *logv1.Guard_Mutex:
		if m := hold.Mutex; !mutexTokenIs(r, m.GetName(), m.GetToken()) {
			return refuse(failed, "mutex %q is not held with token %d", m.GetName(), m.GetToken())
		}
	case *logv1.Guard_Election:
		if e := hold.Election; !electionTermIs(r, e.GetName(), e.GetTerm()) {
			return refuse(failed, "election %q is not in term %d", e.GetName(), e.GetTerm())
		}
	case *logv1.Guard_Claim:
		if c := hold.Claim; !claimReceiptIs(r, c.GetQueue(), c.GetJobId(), c.GetReceipt()) {
			return refuse(failed, "job %d of queue %q is not claimed with receipt %d",
				c.GetJobId(), c.GetQueue(), c.GetReceipt())
		}
	default:
		// A guard that is not understood must not let anything through.
		return refuse(failed, "the guard names no hold")
	}
	return nil
}
