package store

// undoKind says which change an undo takes back.
type undoKind uint8

const (
	undoHot    undoKind = iota // of a hot record, the first of the batch
	undoMemory                 // of a record in memory that dirty does not gain
	undoCold                   // of a cold record: an addition to a lane
	undoRange                  // an addition to ranges
)

// undo is what there was before one change.
type undo struct {
	record *hotRecord
	old    []byte
	kind   undoKind
	lane   uint8
}

// Mark returns a point to which Rollback can return.
func (b *Batch) Mark() int { return len(b.undo) }

// Rollback takes back every change since the mark.
func (b *Batch) Rollback(mark int) {
	for i := len(b.undo) - 1; i >= mark; i-- {
		b.takeBack(b.undo[i])
	}
	clear(b.undo[mark:])
	b.undo = b.undo[:mark]
	b.changes++
}

func (b *Batch) note(u undo) {
	b.undo = append(b.undo, u)
	b.changes++
}

// takeBack reverses one change, the last that is not yet reversed.
func (b *Batch) takeBack(u undo) {
	switch u.kind {
	case undoRange:
		b.ranges = b.ranges[:len(b.ranges)-1]
	case undoCold:
		b.lanes[u.lane].removeLast()
	case undoHot, undoMemory:
		b.replaceHot(u.record, u.old)
		if u.kind == undoHot {
			b.dirty = b.dirty[:len(b.dirty)-1]
			delete(b.changed, u.record.key)
		}
	}
}
