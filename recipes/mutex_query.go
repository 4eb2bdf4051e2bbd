package recipes

import (
	"fmt"
	"strings"

	"github.com/conclavehq/conclave/internal/keys"
	logv1 "github.com/conclavehq/conclave/proto/gen/conclave/log/v1"
	storagev1 "github.com/conclavehq/conclave/proto/gen/conclave/storage/v1"
)

// GetMutex answers who holds a mutex and who waits for it. A name that nobody
// uses is a free mutex.
func GetMutex(r Reader, q *logv1.GetMutex) (*logv1.GetMutexResult, *logv1.Refusal) {
	info := mutexInfo(r, q.GetName(), loadMutex(r, q.GetName()))
	if q.GetWaiters() <= 0 {
		return &logv1.GetMutexResult{Mutex: info}, nil
	}
	page := newPage(q.GetWaiters())
	line := mutexLine(r, q.GetName())
	r.Scan(line, keys.After(line), func(key, value []byte) bool {
		if !page.take() {
			return false
		}
		ticket, waiter := mutexWaiterAt(line, key, value)
		info.Waiters = append(info.Waiters, &logv1.MutexWaiter{
			Ticket:   ticket,
			LeaseId:  waiter.GetLeaseId(),
			Position: int64(len(info.Waiters)) + 1,
			Card:     waiter.GetCard(),
		})
		return true
	})
	return &logv1.GetMutexResult{Mutex: info}, nil
}

// ListMutexes answers which mutexes are held, waited for or delayed, by name.
func ListMutexes(r Reader, q *logv1.ListMutexes) (*logv1.ListMutexesResult, *logv1.Refusal) {
	page := newPage(q.GetLimit())
	result := &logv1.ListMutexesResult{}
	scanNames(r, keys.Mutex, q.GetPrefix(), q.GetAfter(), func(name string, key, value []byte) bool {
		m := &storagev1.MutexRecord{}
		decode(key, value, m)
		if mutexIsFree(m) && m.Waiting == 0 && m.DelayedUntilMs == 0 {
			return true
		}
		if !page.take() {
			result.More = true
			return false
		}
		result.Mutexes = append(result.Mutexes, mutexInfo(r, name, m))
		return true
	})
	return result, nil
}

func mutexInfo(r Reader, name string, m *storagev1.MutexRecord) *logv1.MutexInfo {
	info := &logv1.MutexInfo{
		Name:      name,
		Hold:      mutexHold(r, m),
		Waiting:   m.Waiting,
		LastBreak: m.LastBreak,
	}
	if m.DelayedUntilMs != 0 {
		info.DelayedForMs = max(1, m.DelayedUntilMs-int64(r.Clock()))
	}
	return info
}

// mutexHold shows the current hold, nil when there is none.
func mutexHold(r Reader, m *storagev1.MutexRecord) *logv1.MutexHold {
	if mutexIsFree(m) {
		return nil
	}
	return &logv1.MutexHold{
		Token:       m.Token,
		LeaseId:     m.LeaseId,
		Count:       m.Count,
		Card:        m.Card,
		ExpiresInMs: expiresIn(r, m.LeaseId),
		LockDelayMs: m.LockDelayMs,
	}
}

// emitMutex tells who holds a mutex now.
func emitMutex(tx Tx, name string, m *storagev1.MutexRecord) {
	tx.Emit(&logv1.Event{Body: &logv1.Event_Mutex{Mutex: &logv1.MutexEvent{
		Name: name, Hold: mutexHold(tx, m),
	}}})
}

// emitLostMutex tells a holder that its hold has ended without its doing.
func emitLostMutex(tx Tx, name string, m *storagev1.MutexRecord, cause, reason, actor string) {
	tx.Emit(&logv1.Event{Body: &logv1.Event_Lost{Lost: &logv1.LostEvent{
		Kind:    logv1.LostEvent_KIND_MUTEX,
		Name:    name,
		Token:   m.Token,
		LeaseId: m.LeaseId,
		Cause:   cause,
		Reason:  reason,
		Actor:   actor,
	}}})
}

// scanNames visits the records of a table that is keyed by name, for the names
// that start with prefix and come after another one.
func scanNames(r Reader, table keys.Table, prefix, after string, visit func(name string, key, value []byte) bool) {
	header := keys.Prefix(r.Namespace(), table)
	start := append(keys.Prefix(r.Namespace(), table), prefix...)
	end := keys.After(start)
	if after != "" && after >= prefix {
		start = keys.After(keys.Name(keys.Prefix(r.Namespace(), table), after))
	}
	r.Scan(start, end, func(key, value []byte) bool {
		name, _, err := keys.ReadName(key[len(header):])
		if err != nil || !strings.HasPrefix(name, prefix) {
			panic(fmt.Sprintf("recipes: key %x is not that of a name: %v", key, err))
		}
		return visit(name, key, value)
	})
}
