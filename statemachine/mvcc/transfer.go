package mvcc

import (
	"bytes"

	"github.com/conclavehq/conclave/internal/keys"
	logv1 "github.com/conclavehq/conclave/proto/gen/conclave/log/v1"
)

// Restart forgets all history, that of a revision too, and says that the keys are
// as they were at that revision in another store. What changed at the revision is
// not known here, so the first watch begins with the next one.
func (kv KV) Restart(revision int64) {
	for _, table := range []keys.Table{keys.History, keys.Revisions} {
		prefix := keys.Prefix(kv.ns, table)
		kv.w.DeleteRange(prefix, keys.After(prefix))
	}
	kv.w.Set(compactedKey(kv.ns), encodeRevision(revision))
	kv.w.Set(watchableKey(kv.ns), encodeRevision(revision+1))
}

// Swap makes the keys of a range those that are given, in key order, without
// history or events, and returns how many others were there. The caller has checked
// that their leases exist.
func (kv KV) Swap(key, rangeEnd []byte, with []*logv1.KeyValue) (removed int64) {
	gone := kv.others(spanOf(key, rangeEnd), with)
	for _, old := range gone {
		kv.w.Delete(latestKey(kv.ns, old.key))
		kv.detach(old.lease, old.key)
	}
	for _, key := range with {
		next := versionOf(key)
		at := latestKeyWith(kv.ns, key.GetKey(), len(next.value))
		var lease int64
		if record := kv.w.Get(at); record != nil {
			lease = mustLatest(record).lease
		}
		kv.w.Set(at, encodeLatest(at, next))
		kv.attach(lease, next.lease, key.GetKey())
	}
	return int64(len(gone))
}

// attached is a key with its lease.
type attached struct {
	key   []byte
	lease int64
}

// others are the keys in a span that are not among some, all in key order.
func (kv KV) others(sp span, some []*logv1.KeyValue) (others []attached) {
	from, to := sp.latest(kv.ns)
	kv.w.Walk(from, to, func(at, record []byte) bool {
		key := at[keys.HeaderLen:]
		for len(some) > 0 && bytes.Compare(some[0].GetKey(), key) < 0 {
			some = some[1:]
		}
		if len(some) == 0 || !bytes.Equal(some[0].GetKey(), key) {
			others = append(others, attached{key: bytes.Clone(key), lease: mustLatest(record).lease})
		}
		return true
	})
	return others
}

// Place writes a version of a key as it is, at its mod revision, and returns the
// event, if it is wanted. Otherwise it is Put.
func (kv KV) Place(number uint32, key *logv1.KeyValue, wanted bool) *logv1.KVEvent {
	return kv.write(number, key.GetKey(), versionOf(key), false, wanted)
}

// versionOf is the version that a message tells.
func versionOf(key *logv1.KeyValue) version {
	return version{
		create: key.GetCreateRevision(), mod: key.GetModRevision(), number: key.GetVersion(),
		lease: key.GetLeaseId(), value: key.GetValue(),
	}
}

// Watchable returns the first revision from which on all changes are known.
func (s Snapshot) Watchable() int64 {
	first := s.Compacted()
	if record := s.r.Get(watchableKey(s.ns)); record != nil {
		first = max(first, mustRevision(record))
	}
	return first
}

// Without limits of its own, a page has up to so many keys and about so many bytes.
const (
	pageKeys  = 1000
	pageBytes = 1 << 20
)

// Export answers with a page of keys, as they were at a revision. It reads as far as
// the page goes and no further. A refusal is COMPACTED or FUTURE_REVISION.
func (s Snapshot) Export(q *logv1.ExportKeys, current int64) (*logv1.ExportKeysResult, *logv1.Refusal) {
	if refusal := s.Readable(q.GetRevision(), current); refusal != nil {
		return nil, refusal
	}
	at := q.GetRevision()
	if at <= 0 {
		at = current
	}
	sp, live := spanOf(q.GetKey(), q.GetRangeEnd()), newPage(q)
	if sp.single {
		sp.to, sp.single = append(bytes.Clone(sp.from), 0), false
	}
	if sp.empty() {
		return live.result(at), nil
	}
	s.exportLive(live, sp, at)
	if at == current {
		return live.result(at), nil
	}
	// What has ended since comes from further back, but from no key behind the last
	// one of the page.
	ended := newPage(q)
	if live.more {
		sp.to = live.next
	}
	s.exportEnded(ended, sp, at)
	return live.merge(ended, newPage(q)).result(at), nil
}

func (s Snapshot) exportLive(p *page, sp span, at int64) {
	from, to := sp.latest(s.ns)
	s.r.Walk(from, to, func(key, record []byte) bool {
		v := mustLatest(record)
		return v.mod > at || p.add(key[keys.HeaderLen:], v)
	})
}

func (s Snapshot) exportEnded(p *page, sp span, at int64) {
	from, to := sp.history(s.ns)
	s.r.Walk(from, to, func(place, record []byte) bool {
		end, v := mustEnded(record)
		if v.mod > at || end <= at {
			return true
		}
		key, _, err := keys.Unescape(place[keys.HeaderLen:])
		check(err)
		return p.add(key, v)
	})
}

// page collects keys in key order until it is full.
type page struct {
	kvs         []*logv1.KeyValue
	keys, bytes int
	keysOnly    bool
	// more says that next, and perhaps others, had no room.
	more bool
	next []byte
}

func newPage(q *logv1.ExportKeys) *page {
	p := &page{keys: pageKeys, bytes: pageBytes, keysOnly: q.GetKeysOnly()}
	if limit := int(q.GetLimit()); limit > 0 {
		p.keys = limit
	}
	if limit := int(q.GetLimitBytes()); limit > 0 {
		p.bytes = limit
	}
	return p
}

// add adds a key. The first one always has room.
func (p *page) add(key []byte, v version) bool {
	if p.keysOnly {
		v.value = nil
	}
	if !p.fits(len(key) + len(v.value)) {
		p.next = bytes.Clone(key)
		return false
	}
	v.value = bytes.Clone(v.value)
	p.kvs = append(p.kvs, v.keyValue(bytes.Clone(key)))
	return true
}

// take adds a key from another page.
func (p *page) take(kv *logv1.KeyValue) bool {
	if !p.fits(len(kv.GetKey()) + len(kv.GetValue())) {
		return false
	}
	p.kvs = append(p.kvs, kv)
	return true
}

// fits tells whether there is room for one more key, and takes it.
func (p *page) fits(size int) bool {
	if len(p.kvs) > 0 && (p.keys == 0 || size > p.bytes) {
		p.more = true
		return false
	}
	p.keys, p.bytes = p.keys-1, p.bytes-size
	return true
}

// merge puts two pages together, of which no key is in both: as many of the keys as
// one page has, and none behind the first that had no room on either.
func (p *page) merge(other *page, into *page) *page {
	if other.more && (!p.more || bytes.Compare(other.next, p.next) < 0) {
		p.more, p.next = true, other.next
	}
	a, b := p.kvs, other.kvs
	for len(a)+len(b) > 0 {
		from := &a
		if len(a) == 0 || len(b) > 0 && bytes.Compare(b[0].GetKey(), a[0].GetKey()) < 0 {
			from = &b
		}
		kv := (*from)[0]
		if p.more && bytes.Compare(kv.GetKey(), p.next) >= 0 || !into.take(kv) {
			break
		}
		*from = (*from)[1:]
	}
	into.more = into.more || p.more
	return into
}

func (p *page) result(at int64) *logv1.ExportKeysResult {
	return &logv1.ExportKeysResult{Kvs: p.kvs, More: p.more, Revision: at}
}
