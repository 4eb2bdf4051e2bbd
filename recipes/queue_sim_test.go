package recipes_test

import (
	"cmp"
	"slices"

	logv1 "github.com/conclavehq/conclave/proto/gen/conclave/log/v1"
)

// simQueue is one queue done the obvious way: a list of jobs that is searched
// for everything. The random test compares the rules with it.
type simQueue struct {
	clock    int64
	revision int64
	jobs     []*simJob // by id; jobs that are gone too
	heads    map[string]uint64
	waiters  []*simWaiter

	acked, nacked, expired int64
}

type simJob struct {
	id          uint64
	state       logv1.JobState // UNSPECIFIED: gone
	due         int64
	priority    int32
	group       string
	dedup       string
	attempt     int32
	maxAttempts int32
	backoff     int64
	retain      int64
	receipt     int64
	lease       int64
	ended       int // attempts that ended
}

type simWaiter struct {
	ticket, lease, due int64
	max                int
}

// The states, short enough to read.
const (
	gone    = logv1.JobState_JOB_STATE_UNSPECIFIED
	ready   = logv1.JobState_JOB_STATE_READY
	delayed = logv1.JobState_JOB_STATE_DELAYED
	claimed = logv1.JobState_JOB_STATE_CLAIMED
	dead    = logv1.JobState_JOB_STATE_DEAD
	done    = logv1.JobState_JOB_STATE_DONE
	blocked = logv1.JobState_JOB_STATE_BLOCKED
)

const simClaimMS = 1000

// in lists the jobs in a state by id.
func (q *simQueue) in(state logv1.JobState) []*simJob {
	var found []*simJob
	for _, j := range q.jobs {
		if j.state == state {
			found = append(found, j)
		}
	}
	return found
}

// line lists the ready jobs in the order of claims.
func (q *simQueue) line() []*simJob {
	return slices.SortedStableFunc(slices.Values(q.in(ready)), func(a, b *simJob) int {
		return cmp.Compare(b.priority, a.priority)
	})
}

func (q *simQueue) enqueue(j *simJob, delay int64) (id uint64, duplicate bool) {
	for _, other := range q.jobs {
		if j.dedup != "" && other.dedup == j.dedup && other.state != gone && other.state != done {
			return other.id, true
		}
	}
	q.revision++
	j.id = uint64(len(q.jobs) + 1)
	q.jobs = append(q.jobs, j)
	q.lineUp(j, q.clock+delay)
	q.serve()
	return j.id, false
}

func (q *simQueue) lineUp(j *simJob, due int64) {
	j.receipt, j.lease, j.due = 0, 0, due
	head := q.heads[j.group]
	switch {
	case j.group != "" && head != 0 && head != j.id:
		j.state = blocked
		return
	case due > q.clock:
		j.state = delayed
	default:
		j.state = ready
	}
	q.heads[j.group] = j.id
}

// release lets the group of a job go on without it.
func (q *simQueue) release(j *simJob) {
	j.receipt, j.lease = 0, 0
	if j.group == "" || q.heads[j.group] != j.id {
		return
	}
	q.heads[j.group] = 0
	for _, next := range q.in(blocked) {
		if next.group == j.group {
			q.lineUp(next, next.due)
			return
		}
	}
}

func (q *simQueue) claim(lease int64, most int, waitMS int64) (taken []*simJob, ticket int64) {
	if len(q.line()) == 0 {
		if waitMS == 0 {
			return nil, 0
		}
		q.revision++
		w := &simWaiter{ticket: q.revision, lease: lease, max: most}
		if waitMS > 0 {
			w.due = q.clock + waitMS
		}
		q.waiters = append(q.waiters, w)
		return nil, w.ticket
	}
	q.revision++
	return q.take(lease, most), 0
}

func (q *simQueue) take(lease int64, most int) []*simJob {
	line := q.line()
	line = line[:min(most, len(line))]
	for _, j := range line {
		j.state, j.lease, j.receipt, j.due = claimed, lease, q.revision, q.clock+simClaimMS
		j.attempt++
	}
	return line
}

func (q *simQueue) serve() {
	for len(q.waiters) > 0 && len(q.line()) > 0 {
		w := q.waiters[0]
		q.waiters = q.waiters[1:]
		q.take(w.lease, w.max)
	}
}

func (q *simQueue) ack(j *simJob) {
	q.revision++
	q.acked++
	j.ended++
	j.state, j.due = gone, 0
	if j.retain > 0 {
		j.state, j.due = done, q.clock+j.retain
	}
	q.release(j)
	q.serve()
}

// fail ends an attempt; delay below 0 is the back-off.
func (q *simQueue) fail(j *simJob, delay int64) {
	j.ended++
	if j.attempt >= j.maxAttempts {
		j.state, j.due = dead, 0
		q.release(j)
		return
	}
	if delay < 0 {
		delay = min(j.backoff<<(j.attempt-1), 60_000)
	}
	q.lineUp(j, q.clock+delay)
}

func (q *simQueue) nack(j *simJob, delay int64) {
	q.revision++
	q.nacked++
	q.fail(j, delay)
	q.serve()
}

func (q *simQueue) bury(j *simJob) {
	q.revision++
	j.ended++
	j.state, j.due = dead, 0
	q.release(j)
	q.serve()
}

func (q *simQueue) cancel(j *simJob) {
	q.revision++
	j.state = gone
	q.release(j)
	q.serve()
}

func (q *simQueue) kick(jobs []*simJob) {
	if len(jobs) == 0 {
		return
	}
	q.revision++
	for _, j := range jobs {
		if j.state == dead {
			j.attempt = 0
		}
		q.lineUp(j, 0)
	}
	q.serve()
}

// lose ends a session: its waits first, then its claims.
func (q *simQueue) lose(lease int64) {
	q.waiters = slices.DeleteFunc(q.waiters, func(w *simWaiter) bool { return w.lease == lease })
	for i, j := range slices.DeleteFunc(q.in(claimed), func(j *simJob) bool { return j.lease != lease }) {
		if i == 0 {
			q.revision++
		}
		q.fail(j, 0)
		q.serve()
	}
}

// giveBack cancels a grant.
func (q *simQueue) giveBack(receipt int64, lease int64) int {
	var returned int
	for _, j := range q.in(claimed) {
		if j.receipt == receipt && j.lease == lease {
			if returned++; returned == 1 {
				q.revision++
			}
			j.attempt--
			q.lineUp(j, 0)
		}
	}
	q.serve()
	return returned
}

// pass lets time pass and ends what is due then, one after the other.
func (q *simQueue) pass(ms int64) {
	q.clock += ms
	before := q.revision
	// All that one command changes has one revision.
	changed := func() { q.revision = before + 1 }
	type timer struct {
		due  int64
		kind int // claims before delays before waits before retention, as on disk
		id   int64
		fire func()
	}
	var timers []timer
	for _, j := range q.jobs {
		state, due := j.state, j.due
		still := func() bool { return j.state == state && j.due == due }
		switch {
		case due > q.clock:
		case state == claimed:
			timers = append(timers, timer{due, 4, int64(j.id), func() {
				if still() {
					changed()
					q.expired++
					q.fail(j, -1)
					q.serve()
				}
			}})
		case state == delayed:
			timers = append(timers, timer{due, 5, int64(j.id), func() {
				if still() {
					changed()
					q.lineUp(j, 0)
					q.serve()
				}
			}})
		case state == done:
			timers = append(timers, timer{due, 7, int64(j.id), func() {
				changed()
				j.state = gone
			}})
		}
	}
	for _, w := range q.waiters {
		if w.due != 0 && w.due <= q.clock {
			timers = append(timers, timer{w.due, 6, w.ticket, func() {
				q.waiters = slices.DeleteFunc(q.waiters, func(other *simWaiter) bool { return other == w })
			}})
		}
	}
	slices.SortFunc(timers, func(a, b timer) int {
		return cmp.Or(cmp.Compare(a.due, b.due), cmp.Compare(a.kind, b.kind), cmp.Compare(a.id, b.id))
	})
	for _, t := range timers {
		t.fire()
	}
}
