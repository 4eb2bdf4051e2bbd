package workload

import "sync"

// outside is a resource that a mutex protects and that is not in Conclave: a number
// that each holder raises by one, in two steps, so that two holders at a time show.
//
// One that is fenced compares tokens, for reads as for writes: a holder that reads
// makes all before it too late. Only so can no update be lost: if just the writes
// were compared, a late holder could write between the read and the write of the
// next one. One that is not fenced is the control: it has to lose updates as soon
// as a holder goes on after its time.
type outside struct {
	fenced bool

	mu      sync.Mutex // protects what follows
	highest int64      // token
	value   int64
	writes  int64
}

// glance is what a holder has read, and will base its write on.
type glance struct {
	value, writes int64
}

// read reports false when the token is too old for the resource.
func (o *outside) read(token int64) (glance, bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if !o.admitLocked(token) {
		return glance{}, false
	}
	return glance{o.value, o.writes}, true
}

// write puts the number after the one that was read. lost says that somebody else
// had written since, whose update is gone now.
func (o *outside) write(token int64, seen glance) (taken, lost bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if !o.admitLocked(token) {
		return false, false
	}
	lost = o.writes != seen.writes
	o.value = seen.value + 1
	o.writes++
	return true, lost
}

func (o *outside) admitLocked(token int64) bool {
	if !o.fenced {
		return true
	}
	if token < o.highest {
		return false
	}
	o.highest = token
	return true
}
