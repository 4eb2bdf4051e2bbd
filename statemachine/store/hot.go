package store

// hotRecord is a record of a hot or derived table. It is in DB.hot while it has
// a value. A change of the value needs no second search for its place.
type hotRecord struct {
	key   string
	value []byte
}

// findHot finds a hot or derived record. Commands of one batch often change the
// same few records in turn, so those are looked for first. One that the batch
// has deleted has no value.
func (b *Batch) findHot(key string) *hotRecord {
	if record := b.changed[key]; record != nil {
		return record
	}
	record, _ := b.db.hot.Get(key)
	return record
}

// hotIn lists the hot and derived records in a range.
func (b *Batch) hotIn(r keyRange) (found []*hotRecord) {
	b.db.hot.Ascend(r.from, func(key string, record *hotRecord) bool {
		if key >= r.to {
			return false
		}
		found = append(found, record)
		return true
	})
	return found
}

// setHot changes a record in memory; a nil value deletes it. persist says that
// the change must reach the disk.
func (b *Batch) setHot(record *hotRecord, value []byte, persist bool) {
	u := undo{kind: undoMemory, record: record, old: record.value}
	if persist && b.changed[record.key] == nil {
		if b.changed == nil {
			b.changed = make(map[string]*hotRecord)
		}
		b.changed[record.key] = record
		b.dirty = append(b.dirty, record)
		u.kind = undoHot
	}
	b.replaceHot(record, value)
	b.note(u)
}

// replaceHot gives a record another value, and a place if it needs one.
func (b *Batch) replaceHot(record *hotRecord, value []byte) {
	switch {
	case value == nil:
		b.db.hot.Delete(record.key)
	case record.value == nil:
		b.db.hot.Set(record.key, record)
	}
	record.value = value
}
