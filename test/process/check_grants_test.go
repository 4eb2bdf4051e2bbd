package process

import (
	"cmp"
	"fmt"
	"slices"

	conclave "github.com/conclavehq/conclave/sdk"
)

// checkHolds: no token is given twice, and at no time two clients hold the same
// mutex.
//
// Promises M1, M3.
func checkHolds(holds []holding) (wrong []string) {
	byMutex := make(map[string][]holding)
	tokens := make(map[conclave.Token]string)
	for _, h := range holds {
		byMutex[h.mutex] = append(byMutex[h.mutex], h)
		if other, twice := tokens[h.token]; twice {
			wrong = append(wrong, fmt.Sprintf("token %d was given for %s and for %s", h.token, other, h.mutex))
		}
		tokens[h.token] = h.mutex
	}
	for mutex, holds := range byMutex {
		slices.SortFunc(holds, func(a, b holding) int { return cmp.Compare(a.token, b.token) })
		for i := 1; i < len(holds); i++ {
			if before, after := holds[i-1], holds[i]; after.got < before.left {
				wrong = append(wrong, fmt.Sprintf("%s was held with token %d until %v, and with %d from %v on",
					mutex, before.token, before.left, after.token, after.got))
			}
		}
	}
	return wrong
}

// checkJobs: every job that was acknowledged was claimed and finished, once, with
// the body it was given; no two claims of a job have the same receipt; no job
// came from nowhere. It is for queues that were worked on until they were empty.
//
// Promises D5, Q1, Q2.
func checkJobs(h *history) (wrong []string) {
	bodies := make(map[string]enqueuing)
	ids := make(map[conclave.JobID]string)
	for _, e := range h.enqueues {
		bodies[e.body] = e
		if e.outcome != acked {
			continue
		}
		if other, twice := ids[e.id]; twice {
			wrong = append(wrong, fmt.Sprintf("the jobs %q and %q have the id %d", other, e.body, e.id))
		}
		ids[e.id] = e.body
	}
	type claim struct {
		id      conclave.JobID
		receipt conclave.Token
	}
	claimed := make(map[claim]bool)
	for _, c := range h.claims {
		e, known := bodies[c.body]
		if !known || e.outcome == refused || e.outcome == acked && e.id != c.id {
			wrong = append(wrong, fmt.Sprintf("job %d with body %q was claimed and never enqueued", c.id, c.body))
		}
		if claimed[claim{c.id, c.receipt}] {
			wrong = append(wrong, fmt.Sprintf("job %d was claimed twice with receipt %d", c.id, c.receipt))
		}
		claimed[claim{c.id, c.receipt}] = true
	}
	return append(wrong, checkAcks(h.acks, ids)...)
}

// checkAcks: each job that is known by its id was finished once.
func checkAcks(acks []acking, ids map[conclave.JobID]string) (wrong []string) {
	finished := make(map[conclave.JobID]int)
	maybe := make(map[conclave.JobID]bool)
	for _, a := range acks {
		switch a.outcome {
		case acked:
			if finished[a.id]++; finished[a.id] > 1 {
				wrong = append(wrong, fmt.Sprintf("job %d was acknowledged again, with receipt %d", a.id, a.receipt))
			}
		case unknown:
			maybe[a.id] = true
		}
	}
	for id, body := range ids {
		if finished[id] == 0 && !maybe[id] {
			wrong = append(wrong, fmt.Sprintf("lost: job %d %q was never finished", id, body))
		}
	}
	return wrong
}

// checkOnce: a key with that prefix is written once, as the effects of jobs are
// that are finished in the same transaction.
//
// Promise Q11.
func checkOnce(prefix string, log []conclave.Event) (wrong []string) {
	seen := make(map[string]conclave.Revision)
	for _, event := range log {
		key := event.KV.Key
		if len(key) < len(prefix) || key[:len(prefix)] != prefix {
			continue
		}
		if before, twice := seen[key]; twice {
			wrong = append(wrong, fmt.Sprintf("%s was written at %d and again at %d", key, before, event.Revision))
		}
		seen[key] = event.Revision
	}
	return wrong
}
