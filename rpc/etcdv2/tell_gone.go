package etcdv2

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	logv1 "github.com/conclavehq/conclave/proto/gen/conclave/log/v1"
)

// maxVanished is how many directories are looked at that may have gone away with
// one transaction, the highest first. What was in further ones is told file by file.
const maxVanished = 256

// gone makes the events of what was deleted at a revision: one for a directory
// that went away with what was in it, and one for each other file.
func (t *teller) gone(ctx context.Context, revision int64, deletes []touch) ([]*event, error) {
	if len(deletes) == 0 {
		return nil, nil
	}
	left, err := t.vanished(ctx, revision, deletes)
	if err != nil {
		return nil, err
	}
	var events []*event
	for len(deletes) > 0 {
		var group []touch
		top := left.top(deletes[0])
		if top == "" {
			group, deletes = deletes[:1], deletes[1:]
		} else {
			group, deletes = divide(deletes, func(d touch) bool { return left.top(d) == top })
		}
		e, err := t.end(ctx, revision, top, left[top], group)
		if err != nil {
			return nil, err
		}
		if e != nil {
			events = append(events, e)
		}
	}
	return events, nil
}

// end makes the event of one directory or file that went away; nil if there is
// none to make.
func (t *teller) end(ctx context.Context, revision int64, top string, first *logv1.KeyValue, group []touch) (*event, error) {
	action := actionExpire
	for _, d := range group {
		expired, err := t.expired(ctx, d.GetPrevious().GetLeaseId())
		if err != nil {
			return nil, err
		}
		if !expired {
			action = actionDelete
		}
	}
	var before *node
	one := group[0]
	switch {
	case top != "" && (len(group) > 1 || one.mark || string(first.GetKey()) == dirStart(top) || !t.concerned(one.path)):
		before = directory(top, first, nil)
	case one.mark:
		return nil, nil // something is still in the directory
	default:
		end, err := t.ends(ctx, one.GetPrevious().GetLeaseId(), one.path)
		if err != nil {
			return nil, err
		}
		before = file(one.path, one.GetPrevious(), end)
	}
	return &event{Action: action, Node: before.gone(revision), PrevNode: before}, nil
}

// departed are directories that are not there any more, with the first key that
// was in them.
type departed map[string]*logv1.KeyValue

// top is the highest directory with which something went away; "" if all are
// still there.
func (d departed) top(gone touch) string {
	for _, dir := range gone.dirs() {
		if d[dir] != nil {
			return dir
		}
	}
	return ""
}

// dirs are the directories on the way to what was touched, from the top, itself
// included.
func (t touch) dirs() []string {
	if t.mark {
		return append(ancestors(t.path), t.path)
	}
	return ancestors(t.path)
}

// vanished finds which directories went away at a revision. When that is
// forgotten, none is known.
func (t *teller) vanished(ctx context.Context, revision int64, deletes []touch) (departed, error) {
	var dirs []string
	for _, d := range deletes {
		dirs = append(dirs, d.dirs()...)
	}
	slices.Sort(dirs)
	dirs = slices.Compact(dirs)
	slices.SortStableFunc(dirs, func(a, b string) int { return cmp.Compare(strings.Count(a, "/"), strings.Count(b, "/")) })
	dirs = dirs[:min(len(dirs), maxVanished)]
	// A key that was not written since was there then. Most directories have one,
	// and the past is dear to read.
	now, err := t.inside(ctx, dirs, func(r *logv1.Range) { r.MaxModRevision = revision })
	if err != nil {
		return nil, err
	}
	dirs = slices.DeleteFunc(dirs, func(dir string) bool { return now[dir] != nil })
	if len(dirs) == 0 {
		return nil, nil
	}
	then, err := t.inside(ctx, dirs, func(r *logv1.Range) { r.Revision = revision })
	if err != nil || then == nil {
		return nil, err
	}
	dirs = slices.DeleteFunc(dirs, func(dir string) bool { return then[dir] != nil })
	return t.inside(ctx, dirs, func(r *logv1.Range) { r.Revision = revision - 1 })
}

// inside finds the first key in each of some directories, of those that are asked
// for; nil if the revision is forgotten.
func (t *teller) inside(ctx context.Context, dirs []string, of func(*logv1.Range)) (departed, error) {
	var ranges []*logv1.Range
	for _, dir := range dirs {
		r := first(1, dirStart(dir), dirEnd(dir))
		of(r)
		ranges = append(ranges, r)
	}
	kvs, _, err := t.read(ctx, t.seen(), ranges)
	if refusedFor(err, logv1.Reason_REASON_COMPACTED) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	found := make(departed)
	for i, dir := range dirs {
		if kv := head(kvs[i]); kv != nil {
			found[dir] = kv
		}
	}
	return found, nil
}

// expired says whether a key went away because its lease ended by itself: the
// lease is gone, too, which after a delete it is only if it was retired, before
// its end.
func (t *teller) expired(ctx context.Context, lease int64) (bool, error) {
	if lease == 0 {
		return false, nil
	}
	info, err := t.lease(ctx, lease, false)
	if err != nil || info != nil {
		return false, err
	}
	_, end, hinted := leaseHint(lease)
	return !hinted || time.Until(end) < clockSlack, nil
}
