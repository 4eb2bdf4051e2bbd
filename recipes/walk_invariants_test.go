package recipes_test

import (
	"github.com/conclavehq/conclave/internal/keys"
	logv1 "github.com/conclavehq/conclave/proto/gen/conclave/log/v1"
	storagev1 "github.com/conclavehq/conclave/proto/gen/conclave/storage/v1"
	"github.com/conclavehq/conclave/recipes/model"
)

// This file says what must be true after every command of a random walk.

// alive tells whether a lease is, by its deadline.
func (w *walker) alive(lease int64) bool {
	answer := w.state.Ask(&logv1.Query{NamespaceId: uint32(walkNamespace), Body: &logv1.Query_GetLease{
		GetLease: &logv1.GetLease{LeaseId: lease},
	}})
	return answer.GetRefusal() == nil
}

// checkMutexes checks the lines of all mutexes.
func (w *walker) checkMutexes() {
	w.Helper()
	waiting := map[string]int64{}
	for _, rec := range w.state.Records(walkNamespace, keys.MutexWaiter) {
		name, rest, _ := keys.ReadName(rec.Key[keys.HeaderLen:])
		ticket, _, _ := keys.ReadI64(rest)
		var waiter storagev1.MutexWaiterRecord
		w.decode(rec, &waiter)
		waiting[name]++
		m := w.mutex(name)
		// Guarantee M2: nobody waits for a mutex that could be granted.
		if m.GetLeaseId() == 0 && m.GetDelayedUntilMs() == 0 && w.alive(waiter.GetLeaseId()) {
			w.Fatalf("mutex %s is free and session %d waits for it", name, waiter.GetLeaseId())
		}
		// Guarantee M4: who holds came before all who wait.
		if m.GetTicket() > ticket && w.alive(waiter.GetLeaseId()) {
			w.Fatalf("mutex %s went to ticket %d past %d", name, m.GetTicket(), ticket)
		}
	}
	for _, name := range []string{"a", "b"} {
		m := w.mutex(name)
		if m.GetWaiting() != waiting[name] {
			w.Fatalf("mutex %s counts %d waiters and has %d", name, m.GetWaiting(), waiting[name])
		}
		if m.GetLeaseId() != 0 && m.GetDelayedUntilMs() != 0 {
			w.Fatalf("mutex %s is held within its lock-delay", name)
		}
	}
}

func (w *walker) mutex(name string) *storagev1.MutexRecord {
	m := &storagev1.MutexRecord{}
	for _, rec := range w.state.Records(walkNamespace, keys.Mutex) {
		if got, _, _ := keys.ReadName(rec.Key[keys.HeaderLen:]); got == name {
			w.decode(rec, m)
		}
	}
	return m
}

func (w *walker) checkElections() {
	w.Helper()
	waiting := map[string]int64{}
	for _, rec := range w.state.Records(walkNamespace, keys.ElectionCandidate) {
		name, _, _ := keys.ReadName(rec.Key[keys.HeaderLen:])
		waiting[name]++
	}
	for _, rec := range w.state.Records(walkNamespace, keys.Election) {
		name, _, _ := keys.ReadName(rec.Key[keys.HeaderLen:])
		var e storagev1.ElectionRecord
		w.decode(rec, &e)
		if e.GetWaiting() != waiting[name] {
			w.Fatalf("election %s counts %d candidates and has %d", name, e.GetWaiting(), waiting[name])
		}
		delete(waiting, name)
	}
	if len(waiting) > 0 {
		w.Fatalf("elections without a record have candidates: %v", waiting)
	}
}

// checkPossessions checks that the lists of what sessions own are right: as
// many entries as holds, terms and waits, and each of a lease that is there.
func (w *walker) checkPossessions() {
	w.Helper()
	var things int
	for _, rec := range w.state.Records(walkNamespace, keys.Mutex) {
		var m storagev1.MutexRecord
		if w.decode(rec, &m); m.GetLeaseId() != 0 {
			things++
		}
	}
	for _, rec := range w.state.Records(walkNamespace, keys.Election) {
		var e storagev1.ElectionRecord
		if w.decode(rec, &e); e.GetLeaseId() != 0 {
			things++
		}
	}
	things += len(w.state.Records(walkNamespace, keys.MutexWaiter))
	things += len(w.state.Records(walkNamespace, keys.ElectionCandidate))
	owned := w.state.Records(walkNamespace, keys.LeaseOwns)
	if len(owned) != things {
		w.Fatalf("sessions own %d things, but there are %d", len(owned), things)
	}
	for _, rec := range owned {
		lease, _, _ := keys.ReadI64(rec.Key[keys.HeaderLen:])
		if w.state.Reader(walkNamespace).Get(keys.I64(keys.Prefix(walkNamespace, keys.Lease), lease)) == nil {
			w.Fatalf("lease %d is gone and owns %x", lease, rec.Key)
		}
	}
}

func (w *walker) decode(rec model.Record, into interface{ UnmarshalVT([]byte) error }) {
	w.Helper()
	if err := into.UnmarshalVT(rec.Value); err != nil {
		w.Fatal(err)
	}
}
