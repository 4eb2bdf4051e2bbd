package etcdv2

import (
	"sync/atomic"
	"time"
)

// A lease that this API grants tells by its id what a watcher would else not
// know: what the put with it did, and when it was to end.
//
//	0 │ tag 12 bits │ end 39 bits, 10 ms each │ deed 3 bits │ count 9 bits
//
// It is a hint alone. Whether a lease is this API's own is told by its card.
const (
	countBits = 9
	deedBits  = 3
	endBits   = 39
	leaseTag  = 0x6e2
	endUnit   = 10 * time.Millisecond
)

// ends are counted from here.
var endEpoch = time.Date(2020, time.January, 1, 0, 0, 0, 0, time.UTC)

// deed is what a put with a lease did.
type deed uint8

const (
	deedSet deed = iota
	deedCreate
	deedUpdate
	deedCompareAndSwap
	deedRefresh
	deedSetDir
	deedCreateDir
	deedUpdateDir
)

// ofDir says whether the lease is that of a directory. What is in it has the
// lease, too.
func (d deed) ofDir() bool { return d >= deedSetDir }

// actions are what watchers are told of each deed.
var actions = [...]string{
	deedSet:            actionSet,
	deedCreate:         actionCreate,
	deedUpdate:         actionUpdate,
	deedCompareAndSwap: actionCompareAndSwap,
	deedRefresh:        actionUpdate,
	deedSetDir:         actionSet,
	deedCreateDir:      actionCreate,
	deedUpdateDir:      actionUpdate,
}

// leaseCount tells the leases of this process apart that end at the same time.
var leaseCount atomic.Int64

// leaseID names a lease that ends at a time.
func leaseID(what deed, end time.Time) int64 {
	units := min(max(int64(end.Sub(endEpoch)/endUnit), 0), 1<<endBits-1)
	id := int64(leaseTag)<<endBits | units
	id = id<<deedBits | int64(what)
	return id<<countBits | leaseCount.Add(1)&(1<<countBits-1)
}

// leaseHint is what a lease's id tells; ok is false if it is not of this API.
func leaseHint(id int64) (what deed, end time.Time, ok bool) {
	if id>>(endBits+deedBits+countBits) != leaseTag {
		return 0, time.Time{}, false
	}
	what = deed(id >> countBits & (1<<deedBits - 1))
	end = endEpoch.Add(time.Duration(id>>(deedBits+countBits)&(1<<endBits-1)) * endUnit)
	return what, end, true
}
