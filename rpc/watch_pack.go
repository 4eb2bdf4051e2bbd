package rpc

import (
	logv1 "github.com/conclavehq/conclave/proto/gen/conclave/log/v1"
	conclavev1 "github.com/conclavehq/conclave/proto/gen/conclave/v1"
)

// A message of a watch is full with so many changes, or so many bytes of keys
// and values. A message costs as much as a call, so few large ones are better
// than many small ones.
const (
	fullEvents = 1000
	fullBytes  = 1 << 20
)

func eventBytes(e *logv1.KVEvent) int {
	return len(e.GetKv().GetKey()) + len(e.GetKv().GetValue()) + len(e.GetPrevious().GetValue())
}

// pack sends changes in as few messages as the bounds allow. The changes of a
// revision stay in one message (promise D4), unless they alone are too many:
// then only the last of its messages says that the revision is complete.
func pack(events []*logv1.KVEvent, revision int64, send func(*conclavev1.WatchResponse) error) error {
	for len(events) > 0 {
		page, told := firstPage(events, revision)
		events = events[len(page):]
		for len(page) > 0 {
			part := page[:fitting(page)]
			page = page[len(part):]
			message := &conclavev1.WatchResponse{Revision: told, Events: each(part, kvEvent)}
			if len(page) > 0 {
				message.Revision = part[0].GetKv().GetModRevision() - 1
			}
			if err := send(message); err != nil {
				return err
			}
		}
	}
	return nil
}

// firstPage is as many whole revisions as fit into a message, but at least one,
// and the revision up to which everything is told with them.
func firstPage(events []*logv1.KVEvent, revision int64) ([]*logv1.KVEvent, int64) {
	fit := fitting(events)
	if fit == len(events) {
		return events, revision
	}
	// Step back to where a revision ends; forward, if it is the first one.
	end := fit
	for end > 0 && sameRevision(events[end-1], events[end]) {
		end--
	}
	if end == 0 {
		for end = fit; end < len(events) && sameRevision(events[end-1], events[end]); {
			end++
		}
	}
	if end == len(events) {
		return events, revision
	}
	return events[:end], events[end-1].GetKv().GetModRevision()
}

// fitting is how many of the events fit into a message, at least one.
func fitting(events []*logv1.KVEvent) int {
	size := 0
	for i, event := range events {
		size += eventBytes(event)
		if i == fullEvents || size > fullBytes && i > 0 {
			return i
		}
	}
	return len(events)
}

func sameRevision(a, b *logv1.KVEvent) bool {
	return a.GetKv().GetModRevision() == b.GetKv().GetModRevision()
}
