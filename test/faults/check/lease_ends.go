package check

import "github.com/conclavehq/conclave/test/faults/history"

// ends finds in the log of a namespace the ends of leases: deletions that no
// transaction claims.
func (b *book) ends(s *space, told func(lease int64, record int)) {
	log := b.chronicle(s)
	if log == nil {
		return
	}
	claimed := make(map[int64]bool)
	for _, i := range s.txns {
		if r := &b.records[i]; r.At == 0 && deletes(r) {
			claimed[r.Revision] = true
		}
	}
	for e := range log.entries {
		entry := &log.entries[e]
		if claimed[entry.revision] || hasPut(entry.events) {
			continue
		}
		ended := make(map[int64]bool)
		for i := range entry.events {
			before := log.previous(e, i)
			if before == nil || before.Lease == 0 || ended[before.Lease] || inLine(*before) || b.mayDelete(s, before.Key, entry) {
				continue
			}
			ended[before.Lease] = true
			told(before.Lease, entry.record)
		}
	}
}

// mayDelete tells whether a transaction of unknown outcome can have deleted a key in
// an entry: none that was called after that had been told.
func (b *book) mayDelete(s *space, key string, in *entry) bool {
	for _, i := range s.unsure {
		r := &b.records[i]
		if r.Call > b.records[in.record].Return {
			continue
		}
		for _, branch := range [][]history.Op{r.Then, r.Else} {
			for o := range branch {
				if branch[o].Type == history.Delete && within(key, branch[o].Key, branch[o].End) {
					return true
				}
			}
		}
	}
	return false
}
