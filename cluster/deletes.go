package cluster

import (
	"time"

	"google.golang.org/protobuf/encoding/protowire"

	logv1 "github.com/conclavehq/conclave/proto/gen/conclave/log/v1"
)

const (
	// smallDelete is how many bytes a command may move to the history whatever room
	// there is, like any other small command.
	smallDelete = 4 << 10
	// grantLasts is how long at least a granted delete counts beside what the disks
	// show: until it is applied everywhere, and that was asked for. It is at most
	// twice that.
	grantLasts = 2 * time.Second
)

// withoutRoom says which of some commands there is no room for: those that make the
// state larger while a node is short, and those whose deletes of keys move more
// than every node has to spare. What is deleted moves to the history (decision
// 0002), so until it is compacted it takes its room twice. It also says how much
// was granted to the others.
func (b *batcher) withoutRoom(commands [][]byte) (refused []bool, granted int64) {
	refused = make([]bool, len(commands))
	short := b.room.short.Load()
	for i, command := range commands {
		if short && grows(command) {
			refused[i] = true
			continue
		}
		moved := b.moved(command)
		if moved <= smallDelete {
			continue
		}
		if refused[i] = !b.room.grant(moved, time.Now()); !refused[i] {
			granted += moved
		}
	}
	return refused, granted
}

// moved is how many bytes the deletes of a command move to the history, at most.
// Which branch of a transaction is taken is known when it is applied, so all count.
// A command that cannot be read is not judged here.
func (b *batcher) moved(encoded []byte) (bytes int64) {
	if !mayDelete(encoded) {
		return 0
	}
	var command logv1.Command
	if command.UnmarshalVT(encoded) != nil {
		return 0
	}
	count := func(key, rangeEnd []byte) { bytes += b.keyBytes(command.GetNamespaceId(), key, rangeEnd) }
	switch body := command.GetBody().(type) {
	case *logv1.Command_DeleteRange:
		count(body.DeleteRange.GetKey(), body.DeleteRange.GetRangeEnd())
	case *logv1.Command_Txn:
		txnDeletes(body.Txn, count)
	case *logv1.Command_ImportKeys:
		for _, revision := range body.ImportKeys.GetRevisions() {
			for _, change := range revision.GetChanges() {
				if deleted := change.GetDelete(); deleted != nil {
					count(deleted.GetKey(), deleted.GetRangeEnd())
				}
			}
		}
	}
	return bytes
}

// txnDeletes calls found for what the branches of a transaction delete.
func txnDeletes(txn *logv1.Txn, found func(key, rangeEnd []byte)) {
	for _, ops := range [][]*logv1.TxnOp{txn.GetSuccess(), txn.GetFailure()} {
		for _, op := range ops {
			if deleted := op.GetDeleteRange(); deleted != nil {
				found(deleted.GetKey(), deleted.GetRangeEnd())
			}
			if nested := op.GetTxn(); nested != nil {
				txnDeletes(nested, found)
			}
		}
	}
}

// The fields of a command that may delete keys.
const (
	deleteRangeField = 11
	txnField         = 12
	importKeysField  = 14
)

// mayDelete says whether a command is of a kind that deletes keys. It reads no more
// than the fields' numbers: on a disk that is well used all commands come by.
func mayDelete(encoded []byte) bool {
	for len(encoded) > 0 {
		field, kind, n := protowire.ConsumeTag(encoded)
		if n < 0 {
			return false
		}
		switch field {
		case deleteRangeField, txnField, importKeysField:
			return true
		}
		size := protowire.ConsumeFieldValue(field, kind, encoded[n:])
		if size < 0 {
			return false
		}
		encoded = encoded[n+size:]
	}
	return false
}

// granted is how much was granted in this time of grantLasts and in the one before.
type granted struct {
	began       time.Time
	now, before int64
}

// pass forgets what was granted long enough ago.
func (g *granted) pass(now time.Time) {
	switch since := now.Sub(g.began); {
	case since >= 2*grantLasts:
		*g = granted{began: now}
	case since >= grantLasts:
		*g = granted{began: now, before: g.now}
	}
}

// grant takes bytes off what all nodes have to spare, if they have as much.
func (r *room) grant(bytes int64, now time.Time) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.mu.granted.pass(now)
	if bytes > r.spareLocked(now)-r.mu.granted.now-r.mu.granted.before {
		return false
	}
	r.mu.granted.now += bytes
	return true
}

// giveBack is for what was granted to commands that were not taken after all.
func (r *room) giveBack(bytes int64) {
	if bytes == 0 {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.mu.granted.now = max(0, r.mu.granted.now-bytes)
}
