package conclave

import (
	"sync"
	"time"
)

// extensions is how many claims of a session are extended at a time.
const extensions = 8

// claimKeeper extends the claims of a session: each when half of its time is left.
// One goroutine serves all of them, and there is none while there is no claim.
type claimKeeper struct {
	session *Session

	mu      sync.Mutex // protects what follows
	due     map[*Job]time.Time
	wake    chan struct{} // has room for one
	running bool
}

func (k *claimKeeper) add(j *Job) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.due == nil {
		k.due = make(map[*Job]time.Time)
		k.wake = make(chan struct{}, 1)
	}
	k.due[j] = time.Now().Add(j.extendIn())
	if !k.running {
		k.running = k.session.start(k.run)
		return
	}
	select {
	case k.wake <- struct{}{}:
	default:
	}
}

func (k *claimKeeper) remove(j *Job) {
	k.mu.Lock()
	defer k.mu.Unlock()
	delete(k.due, j)
}

func (k *claimKeeper) run() {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		wait, ok := k.next()
		if !ok {
			return
		}
		timer.Reset(wait)
		select {
		case <-k.session.ctx.Done():
			return
		case <-k.wake:
		case <-timer.C:
			k.extendAll(k.take())
		}
	}
}

// next is how long to wait for the first claim that is due. It reports false
// when there is none; the next add starts a new goroutine then.
func (k *claimKeeper) next() (time.Duration, bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	var first time.Time
	for _, due := range k.due {
		if first.IsZero() || due.Before(first) {
			first = due
		}
	}
	k.running = !first.IsZero()
	return time.Until(first), k.running
}

// take lists the claims that are due or nearly so, and when they are due next:
// soon, in case that their extension fails.
func (k *claimKeeper) take() []*Job {
	k.mu.Lock()
	defer k.mu.Unlock()
	var jobs []*Job
	for j, due := range k.due {
		if time.Until(due) <= j.claimFor/30 {
			jobs = append(jobs, j)
			k.due[j] = time.Now().Add(j.claimFor / 10)
		}
	}
	return jobs
}

func (k *claimKeeper) extendAll(jobs []*Job) {
	var tasks sync.WaitGroup
	defer tasks.Wait()
	slots := make(chan struct{}, extensions)
	for _, j := range jobs {
		slots <- struct{}{}
		tasks.Go(func() {
			defer func() { <-slots }()
			k.extendNow(j)
		})
	}
}

// extendNow extends one claim and reports whether that worked. A claim whose
// own time is over, or that the service has taken away, is dropped.
func (k *claimKeeper) extendNow(j *Job) bool {
	err := j.extend(k.session.ctx)
	k.mu.Lock()
	defer k.mu.Unlock()
	if _, open := k.due[j]; !open {
		return false
	}
	switch {
	case j.ctx.Err() != nil:
		delete(k.due, j)
	case err == nil:
		k.due[j] = time.Now().Add(j.extendIn())
	default:
		k.session.client.log.Warn("job: a claim was not extended", "queue", j.worker.name, "job", j.ID, "error", err)
	}
	return err == nil
}
