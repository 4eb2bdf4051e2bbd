package check

import (
	"cmp"
	"slices"
	"time"

	"github.com/conclavehq/conclave/test/faults/history"
)

// checkQueues proves of every job: when it was acknowledged as enqueued, somebody
// acknowledged it as done (or may have) or it was found in the end; nobody got one
// that was not enqueued, or with another body; one body is one job; no two
// acknowledgements were taken, nor one with a receipt that a newer claim had
// replaced, and none is handed out or found after it; receipts and attempts grow;
// and two claims never hold at a time. A claim holds from its answer until its TTL
// after its call (or that of its last extension) if it is not acknowledged, given
// back or lost before; as with holds, who is told of a loss may be late by
// Options.Polling. It proves nothing about the order of jobs.
func checkQueues(b *book, t *tally) {
	jobs := make(map[jobName]*job)
	var order []*job
	bodies := make(map[[3]string]int) // namespace, queue, body: enqueued or tried
	for i := range b.records {
		r := &b.records[i]
		switch r.Kind {
		case history.Enqueued:
			if r.Outcome != history.Refused {
				bodies[[3]string{r.Namespace, r.Key, r.Value}] = i
			}
		case history.Claimed, history.Extended, history.Acked, history.Nacked, history.ClaimLost, history.Drained:
		default:
			continue
		}
		if r.Outcome == history.OK {
			t.checked(i)
		}
		if r.Job == 0 {
			continue // of a call that was refused or stayed unknown
		}
		n := jobName{r.Namespace, r.Key, r.Job}
		if jobs[n] == nil {
			jobs[n] = &job{enqueued: -1}
			order = append(order, jobs[n])
		}
		jobs[n].add(t, i, r)
	}
	seen := make(map[[3]string]*job)
	for _, j := range order {
		j.body(b, t, bodies, seen)
		j.once(b, t)
		j.claims(b, t)
		j.kept(b, t)
	}
}

type jobName struct {
	space, queue string
	id           uint64
}

// job is what was seen of one.
type job struct {
	enqueued int // -1: its answer was not seen
	claimed  []int
	acked    []int // taken
	maybe    []int // acknowledgements of unknown outcome
	rest     []int // Extended, Nacked, ClaimLost
	drained  []int
}

func (j *job) add(t *tally, i int, r *history.Record) {
	switch {
	case r.Outcome == history.Unknown && r.Kind == history.Acked:
		j.maybe = append(j.maybe, i)
	case r.Outcome != history.OK:
		if r.Kind == history.Nacked || r.Kind == history.Acked {
			j.rest = append(j.rest, i) // its claimer gave it up all the same
		}
	case r.Kind == history.Enqueued:
		if j.enqueued >= 0 {
			t.violation([]int{i, j.enqueued}, "two enqueued jobs are job %d", r.Job)
		}
		j.enqueued = i
	case r.Kind == history.Claimed:
		j.claimed = append(j.claimed, i)
	case r.Kind == history.Acked:
		j.acked = append(j.acked, i)
	case r.Kind == history.Drained:
		j.drained = append(j.drained, i)
	default:
		j.rest = append(j.rest, i)
	}
}

// body compares the job with what was enqueued.
func (j *job) body(b *book, t *tally, bodies map[[3]string]int, seen map[[3]string]*job) {
	for _, i := range slices.Concat(j.claimed, j.drained) {
		r := &b.records[i]
		value := [3]string{r.Namespace, r.Key, r.Value}
		switch from, ok := bodies[value]; {
		case !ok:
			t.violation([]int{i}, "job %d has the body %.40q, which nobody enqueued", r.Job, r.Value)
		case b.records[from].Call > r.Return:
			t.violation([]int{i, from}, "job %d was there before it was enqueued", r.Job)
		case j.enqueued >= 0 && b.records[j.enqueued].Value != r.Value:
			t.violation([]int{i, j.enqueued}, "job %d has another body than it was enqueued with", r.Job)
		case seen[value] != nil && seen[value] != j:
			t.violation([]int{i, from}, "the body %.40q is two jobs", r.Value)
		}
		seen[value] = j
	}
}

// kept demands that an enqueued job is not lost.
func (j *job) kept(b *book, t *tally) {
	if j.enqueued >= 0 && len(j.acked)+len(j.maybe)+len(j.drained) == 0 {
		t.violation([]int{j.enqueued}, "job %d was enqueued, and neither acknowledged nor found in the end", b.records[j.enqueued].Job)
	}
}

// once demands that a job is done once.
func (j *job) once(b *book, t *tally) {
	if len(j.acked) > 1 {
		t.violation(j.acked, "job %d was acknowledged %d times", b.records[j.acked[0]].Job, len(j.acked))
	}
	for _, a := range j.acked {
		done := &b.records[a]
		var mine bool
		for _, c := range j.claimed {
			claim := &b.records[c]
			switch {
			case claim.Token == done.Token:
				mine = true
			case claim.Token > done.Token && claim.Return < done.Call:
				t.violation([]int{a, c}, "job %d was acknowledged by the receipt %d, after %d had been given", done.Job, done.Token, claim.Token)
			}
			if claim.Call > done.Return {
				t.violation([]int{c, a}, "job %d was handed out after it had been acknowledged", done.Job)
			}
		}
		if !mine {
			t.violation([]int{a}, "job %d was acknowledged by the receipt %d, which nobody was given", done.Job, done.Token)
		}
		for _, d := range j.drained {
			if b.records[d].Call > done.Return {
				t.violation([]int{d, a}, "job %d was found after it had been acknowledged", done.Job)
			}
		}
	}
}

// claims compares the claims of a job with each other.
func (j *job) claims(b *book, t *tally) {
	slices.SortFunc(j.claimed, func(x, y int) int { return cmp.Compare(b.records[x].Token, b.records[y].Token) })
	for n := 1; n < len(j.claimed); n++ {
		before, after := &b.records[j.claimed[n-1]], &b.records[j.claimed[n]]
		proof := []int{j.claimed[n], j.claimed[n-1]}
		switch until, allowed := j.until(b, before); {
		case before.Token == after.Token:
			t.violation(proof, "the receipt %d of job %d was given twice", after.Token, after.Job)
		case after.Return < before.Call:
			t.violation(proof, "the receipt %d of job %d was given before %d", after.Token, after.Job, before.Token)
		case after.Attempt <= before.Attempt && after.Attempt > 0:
			t.violation(proof, "attempt %d of job %d follows attempt %d", after.Attempt, after.Job, before.Attempt)
		case after.Return+allowed < until:
			t.violation(proof, "job %d was claimed with the receipt %d, while %d held for another %v", after.Job, after.Token, before.Token, until-after.Return)
		}
	}
}

// until is how long a claim holds at least, and how late its claimer may be told.
func (j *job) until(b *book, claim *history.Record) (until, allowed time.Duration) {
	until = claim.Call + claim.TTL
	end := b.last
	for _, i := range slices.Concat(j.rest, j.acked, j.maybe) {
		r := &b.records[i]
		switch {
		case r.Token != claim.Token:
		case r.Kind == history.Extended:
			until = max(until, r.Call+r.TTL)
		case r.Kind == history.ClaimLost:
			end, allowed = min(end, r.Call), b.opt.Polling
		default:
			end = min(end, r.Call)
		}
	}
	return min(until, end), allowed
}
