package conclave

import (
	conclavev1 "github.com/conclavehq/conclave/proto/gen/conclave/v1"
)

// Guard makes a write fail whole with ErrGuardFailed unless a hold, term or
// claim is current at the moment of the commit. It can be given to Txn.If, Put
// and Delete. A guard that fails never leads to the Else branch.
type Guard struct {
	guard *conclavev1.Guard
}

// MutexGuard holds while the mutex is held with that token; see Hold.Guard.
func MutexGuard(name string, token Token) Guard {
	return Guard{&conclavev1.Guard{Hold: &conclavev1.Guard_Mutex{
		Mutex: &conclavev1.MutexGuard{Name: name, Token: int64(token)},
	}}}
}

// ElectionGuard holds while the election is led in that term; see Term.Guard.
func ElectionGuard(name string, term Token) Guard {
	return Guard{&conclavev1.Guard{Hold: &conclavev1.Guard_Election{
		Election: &conclavev1.ElectionGuard{Name: name, Term: int64(term)},
	}}}
}

// ClaimGuard holds while the job is claimed with that receipt; see Job.Guard.
func ClaimGuard(queue string, id JobID, receipt Token) Guard {
	return Guard{&conclavev1.Guard{Hold: &conclavev1.Guard_Claim{
		Claim: &conclavev1.ClaimGuard{Queue: queue, JobId: uint64(id), Receipt: int64(receipt)},
	}}}
}

func (g Guard) applyIf(req *conclavev1.TxnRequest)        { req.Guards = append(req.Guards, g.guard) }
func (g Guard) applyPut(req *conclavev1.PutRequest)       { req.Guards = append(req.Guards, g.guard) }
func (g Guard) applyDelete(req *conclavev1.DeleteRequest) { req.Guards = append(req.Guards, g.guard) }
