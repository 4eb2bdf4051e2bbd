package mvcc

import (
	"bytes"

	"github.com/conclavehq/conclave/internal/keys"
	logv1 "github.com/conclavehq/conclave/proto/gen/conclave/log/v1"
)

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
