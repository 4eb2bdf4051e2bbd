package recipes

import (
	"fmt"

	logv1 "github.com/conclavehq/conclave/proto/gen/conclave/log/v1"
)

// revisions applies what followed a copy, each revision under its own number.
func (im *importing) revisions() *logv1.Refusal {
	if len(im.cmd.GetRevisions()) > 0 && !im.record.GetComplete() {
		return im.conflict("the copy is not complete; it goes on from key %q", im.record.GetNext())
	}
	for _, revision := range im.cmd.GetRevisions() {
		if refusal := im.revision(revision); refusal != nil {
			return refusal
		}
	}
	return nil
}

func (im *importing) revision(revision *logv1.ImportedRevision) *logv1.Refusal {
	if current := int64(im.tx.Revision()); revision.GetRevision() <= current {
		return im.conflict("revision %d comes after %d", revision.GetRevision(), current)
	}
	if revision.GetRevision() > maxRevision {
		return beyond(revision.GetRevision())
	}
	im.tx.AdvanceTo(Revision(revision.GetRevision()))
	changed := &changedKeys{all: make(map[string]bool)}
	for _, change := range revision.GetChanges() {
		var refusal *logv1.Refusal
		switch c := change.GetChange().(type) {
		case *logv1.ImportedChange_Put:
			refusal = im.put(c.Put, changed)
		case *logv1.ImportedChange_Delete:
			refusal = im.delete(c.Delete, changed)
		default:
			refusal = refuse(logv1.Reason_REASON_INVALID_ARGUMENT, "a change is a put or a delete")
		}
		if refusal != nil {
			return refusal
		}
	}
	return nil
}

// put writes a version of a key after the one that is there. One that does not
// follow it shows that the two histories are not the same.
func (im *importing) put(kv *logv1.KeyValue, changed *changedKeys) *logv1.Refusal {
	if refusal := im.checkKey(kv); refusal != nil {
		return refusal
	}
	if mod := int64(im.tx.Revision()); kv.GetModRevision() != mod {
		return refuse(logv1.Reason_REASON_INVALID_ARGUMENT,
			"key %q is of revision %d among changes of revision %d", kv.GetKey(), kv.GetModRevision(), mod)
	}
	if refusal := changed.notYet(kv.GetKey(), nil); refusal != nil {
		return refusal
	}
	before := im.tx.Current(kv.GetKey())
	created := kv.GetCreateRevision() == kv.GetModRevision() && kv.GetVersion() == 1
	follows := before != nil && kv.GetCreateRevision() == before.GetCreateRevision() && kv.GetVersion() == before.GetVersion()+1
	if !created && !follows {
		return im.conflict("version %d of key %q, created at revision %d, does not follow what is here: %s",
			kv.GetVersion(), kv.GetKey(), kv.GetCreateRevision(), describeVersion(before))
	}
	im.tx.PlaceKey(kv)
	changed.put = append(changed.put, kv.GetKey())
	changed.all[string(kv.GetKey())] = true
	im.result.Put++
	return nil
}

func describeVersion(kv *logv1.KeyValue) string {
	if kv == nil {
		return "no such key"
	}
	return fmt.Sprintf("version %d, created at revision %d", kv.GetVersion(), kv.GetCreateRevision())
}

// delete deletes keys, which have to be as many as in the other store.
func (im *importing) delete(cmd *logv1.ImportedDelete, changed *changedKeys) *logv1.Refusal {
	if refusal := changed.notYet(cmd.GetKey(), cmd.GetRangeEnd()); refusal != nil {
		return refusal
	}
	gone := im.tx.DeleteKeys(cmd.GetKey(), cmd.GetRangeEnd())
	if int64(len(gone)) != cmd.GetCount() {
		return im.conflict("revision %d deletes %d keys from %q on, and %d are here", im.tx.Revision(), cmd.GetCount(), cmd.GetKey(), len(gone))
	}
	for _, kv := range gone {
		changed.all[string(kv.GetKey())] = true
	}
	im.result.Deleted += int64(len(gone))
	return nil
}

// changedKeys are the keys that a revision has changed so far. The map is only
// looked up.
type changedKeys struct {
	all map[string]bool
	put [][]byte
}

// notYet refuses a second change of a key in one revision.
func (c *changedKeys) notYet(key, rangeEnd []byte) *logv1.Refusal {
	if len(rangeEnd) == 0 {
		if c.all[string(key)] {
			return twice(key)
		}
		return nil
	}
	// What the revision has deleted cannot be deleted again.
	for _, put := range c.put {
		if inRange(put, key, rangeEnd) {
			return twice(put)
		}
	}
	return nil
}

func twice(key []byte) *logv1.Refusal {
	return refuse(logv1.Reason_REASON_DUPLICATE_KEY, "key %q changes twice in one revision", key)
}
