package recipes

import (
	"bytes"

	logv1 "github.com/conclavehq/conclave/proto/gen/conclave/log/v1"
)

// part takes the next part of a copy, or begins another copy with its first part.
func (im *importing) part() *logv1.Refusal {
	part := im.cmd.GetPart()
	if part == nil {
		return nil
	}
	if refusal := im.checkPart(part); refusal != nil {
		return refusal
	}
	if part.GetFirst() {
		im.tx.Restart(Revision(part.GetRevision()))
	}
	im.result.Deleted += im.tx.SwapKeys(part.GetKey(), part.GetRangeEnd(), part.GetKeys())
	im.result.Put += int64(len(part.GetKeys()))
	im.record.Complete, im.record.Next = part.GetLast(), part.GetRangeEnd()
	return nil
}

func (im *importing) checkPart(part *logv1.ImportPart) *logv1.Refusal {
	if !part.GetFirst() {
		switch {
		case im.record.GetComplete():
			return im.conflict("the copy is complete")
		case part.GetRevision() != im.current:
			return im.conflict("the copy is of revision %d and not of %d", im.current, part.GetRevision())
		case !bytes.Equal(part.GetKey(), im.record.GetNext()):
			return im.conflict("the copy goes on from key %q and not from %q", im.record.GetNext(), part.GetKey())
		}
		return im.checkKeys(part)
	}
	fresh := im.current == 1
	switch {
	case !im.known && hasKeys(im.tx):
		return im.about(logv1.Reason_REASON_NAMESPACE_NOT_EMPTY, "the namespace has keys of its own")
	case part.GetRevision() < im.current, part.GetRevision() == im.current && !im.known && !fresh:
		return im.conflict("the namespace is at revision %d already, and the copy is of %d", im.current, part.GetRevision())
	case part.GetRevision() > maxRevision:
		return beyond(part.GetRevision())
	}
	return im.checkKeys(part)
}

// checkKeys looks at whether the keys of a part can be those of its range at its
// revision.
func (im *importing) checkKeys(part *logv1.ImportPart) *logv1.Refusal {
	from, to := part.GetKey(), part.GetRangeEnd()
	if len(from) == 0 || len(to) == 0 {
		return refuse(logv1.Reason_REASON_INVALID_ARGUMENT, "a part of a copy has a key and a range end")
	}
	unbounded := bytes.Equal(to, []byte{0})
	for _, kv := range part.GetKeys() {
		switch key := kv.GetKey(); {
		case bytes.Compare(key, from) < 0 || !unbounded && bytes.Compare(key, to) >= 0:
			return refuse(logv1.Reason_REASON_INVALID_ARGUMENT, "key %q is out of order, or not in the range of its part", key)
		case kv.GetModRevision() > part.GetRevision():
			return refuse(logv1.Reason_REASON_INVALID_ARGUMENT,
				"key %q is of revision %d, after that of the copy, %d", key, kv.GetModRevision(), part.GetRevision())
		}
		if refusal := im.checkKey(kv); refusal != nil {
			return refusal
		}
		from = append(bytes.Clone(kv.GetKey()), 0)
	}
	return nil
}

// checkKey looks at whether a version of a key makes sense by itself.
func (im *importing) checkKey(kv *logv1.KeyValue) *logv1.Refusal {
	create, mod, version := kv.GetCreateRevision(), kv.GetModRevision(), kv.GetVersion()
	switch {
	case len(kv.GetKey()) == 0:
		return refuse(logv1.Reason_REASON_INVALID_ARGUMENT, "a key has at least one byte")
	case create < 1 || mod < create || version < 1 || version > mod-create+1:
		return refuse(logv1.Reason_REASON_INVALID_ARGUMENT,
			"key %q cannot be created at revision %d, changed at %d and be at version %d", kv.GetKey(), create, mod, version)
	case kv.GetLeaseId() != 0 && !leaseExists(im.tx, kv.GetLeaseId()):
		return noLease(kv.GetLeaseId())
	}
	return nil
}
