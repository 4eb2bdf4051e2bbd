package etcdv2

import (
	"bytes"
	"cmp"
	"context"
	"slices"
	"time"

	logv1 "github.com/conclavehq/conclave/proto/gen/conclave/log/v1"
)

// clockSlack is how far the clocks of two nodes may be apart for an expiry to be
// told from a delete.
const clockSlack = 200 * time.Millisecond

// teller makes of changes of keys what somebody who watches a path is told.
type teller struct {
	*space
	path      string
	recursive bool
}

// touch is the change of one key, as the change of the file or the directory that
// it shows.
type touch struct {
	*logv1.KVEvent
	path string
	mark bool
}

func (t touch) put() bool { return t.GetType() == logv1.KVEvent_TYPE_PUT }

// same says that a put changed nothing but the lease.
func (t touch) same() bool {
	return t.GetPrevious() != nil && bytes.Equal(t.GetKv().GetValue(), t.GetPrevious().GetValue())
}

// tell makes the events of changes, which are of whole revisions, in order.
func (t *teller) tell(ctx context.Context, changes []*logv1.KVEvent) ([]*event, error) {
	var told []*event
	for len(changes) > 0 {
		revision := changes[0].GetKv().GetModRevision()
		n := slices.IndexFunc(changes, func(e *logv1.KVEvent) bool { return e.GetKv().GetModRevision() != revision })
		if n < 0 {
			n = len(changes)
		}
		events, err := t.revision(ctx, revision, changes[:n])
		if err != nil {
			return nil, err
		}
		told, changes = append(told, events...), changes[n:]
	}
	return told, nil
}

// revision makes the events of one revision. What one request of this API did is
// one event; the v3 API can do more at once.
func (t *teller) revision(ctx context.Context, revision int64, changes []*logv1.KVEvent) ([]*event, error) {
	clear(t.leases) // others may have renewed them
	var puts, deletes []touch
	for _, e := range changes {
		p, mark, ok := shown(string(e.GetKv().GetKey()))
		if !ok || p != t.path && !below(t.path, p) {
			continue
		}
		if one := (touch{e, p, mark}); one.put() {
			puts = append(puts, one)
		} else {
			deletes = append(deletes, one)
		}
	}
	dirs, puts, deletes, err := t.dirs(ctx, puts, deletes)
	if err != nil {
		return nil, err
	}
	files, err := t.files(ctx, puts)
	if err != nil {
		return nil, err
	}
	gone, err := t.gone(ctx, revision, deletes)
	if err != nil {
		return nil, err
	}
	told := slices.DeleteFunc(slices.Concat(dirs, files, gone), func(e *event) bool { return !t.concerned(e.Node.Key) })
	slices.SortStableFunc(told, func(a, b *event) int { return cmp.Compare(a.Node.Key, b.Node.Key) })
	return told, nil
}

// concerned says whether who watches is told of an event at a path: the watched
// one, one above it that went away with it, or, if recursive, one below it.
func (t *teller) concerned(p string) bool {
	return p == t.path || below(p, t.path) || t.recursive && below(t.path, p) && !hiddenFrom(t.path, p)
}

// dirs makes the events of directories that were made or got another TTL, and
// returns the changes that are no part of that.
func (t *teller) dirs(ctx context.Context, puts, deletes []touch) (events []*event, files, rest []touch, err error) {
	marks, files := divide(puts, func(p touch) bool { return p.mark })
	for _, m := range marks {
		var over []touch
		if over, deletes = divide(deletes, func(d touch) bool { return d.path == m.path && !d.mark }); len(over) == 0 &&
			slices.ContainsFunc(deletes, func(d touch) bool { return below(m.path, d.path) }) {
			continue // it keeps the directory of what was deleted
		}
		_, files = divide(files, func(f touch) bool { return below(m.path, f.path) && f.same() })
		if follows, err := t.follows(ctx, m); err != nil {
			return nil, nil, nil, err
		} else if follows {
			continue
		}
		e, err := t.dir(ctx, m)
		if err != nil {
			return nil, nil, nil, err
		}
		if len(over) > 0 {
			e.Action, e.PrevNode = actionSet, file(m.path, over[0].GetPrevious(), nil)
		}
		events = append(events, e)
	}
	return events, files, deletes, nil
}

// dir makes the event of a directory whose mark was put: the directory was made,
// or, if it was there, got another TTL.
func (t *teller) dir(ctx context.Context, m touch) (*event, error) {
	lease := m.GetKv().GetLeaseId()
	end, err := t.ends(ctx, lease, m.path)
	if err != nil {
		return nil, err
	}
	what, was, hinted := leaseHint(lease)
	if end == nil && hinted && what.ofDir() && t.leases[lease] == nil {
		end = &deadline{at: was} // it has ended since
	}
	e := &event{Action: actionSet, Node: directory(m.path, m.GetKv(), end)}
	if hinted && end != nil {
		e.Action = actions[what]
	}
	before, err := t.inside(ctx, []string{m.path}, func(r *logv1.Range) { r.Revision = m.GetKv().GetModRevision() - 1 })
	if first := before[m.path]; first != nil {
		e.Action, e.PrevNode = actionUpdate, directory(m.path, first, nil)
	}
	return e, err
}

// divide takes those out of a list that are of one kind.
func divide(all []touch, is func(touch) bool) (those, others []touch) {
	for _, one := range all {
		if is(one) {
			those = append(those, one)
		} else {
			others = append(others, one)
		}
	}
	return those, others
}

// files makes the events of files that were put. A refresh is not told.
func (t *teller) files(ctx context.Context, puts []touch) ([]*event, error) {
	var events []*event
	for _, p := range puts {
		lease := p.GetKv().GetLeaseId()
		what, _, hinted := leaseHint(lease)
		follows, err := t.follows(ctx, p)
		if err != nil {
			return nil, err
		}
		if follows || p.same() && hinted && what == deedRefresh {
			continue
		}
		end, err := t.ends(ctx, lease, p.path)
		if err != nil {
			return nil, err
		}
		e := &event{Action: actionSet, Node: file(p.path, p.GetKv(), end)}
		switch {
		case hinted && end != nil:
			e.Action = actions[what]
		case p.GetKv().GetVersion() == 1 && isInOrder(p.path):
			e.Action = actionCreate
		}
		if p.GetPrevious() != nil {
			if end, err = t.ends(ctx, p.GetPrevious().GetLeaseId(), p.path); err != nil {
				return nil, err
			}
			e.PrevNode = file(p.path, p.GetPrevious(), end)
		}
		events = append(events, e)
	}
	return events, nil
}

// follows says whether a file or directory only got another lease with one that
// is above it.
func (t *teller) follows(ctx context.Context, p touch) (bool, error) {
	if !p.same() || p.GetKv().GetLeaseId() == p.GetPrevious().GetLeaseId() {
		return false, nil
	}
	revision := p.GetKv().GetModRevision()
	var marks []*logv1.Range
	for _, dir := range ancestors(p.path) {
		mark := one(dirStart(dir))
		mark.Revision = revision
		marks = append(marks, mark)
	}
	found, _, err := t.read(ctx, t.seen(), marks)
	if refusedFor(err, logv1.Reason_REASON_COMPACTED) {
		return false, nil
	}
	for _, mark := range found {
		if head(mark).GetModRevision() == revision {
			return true, nil
		}
	}
	return false, err
}
