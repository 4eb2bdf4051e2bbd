package etcd

import (
	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/mvccpb"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	logv1 "github.com/conclavehq/conclave/proto/gen/conclave/log/v1"
)

const (
	// A response is full with so many changes, or so many bytes in them. Only a
	// revision that is larger alone is sent whole nevertheless.
	fullEvents = 1000
	fullBytes  = 1 << 20
	// maxFragment is how large a piece of such a response becomes if the client
	// takes pieces.
	maxFragment = maxRequestBytes + maxOverheadBytes
)

// firstRevisions is as many whole revisions as fit into a response, but at least
// one, and the revision up to which everything is told with them.
func firstRevisions(events []*logv1.KVEvent, through int64) ([]*logv1.KVEvent, int64) {
	size, whole := 0, 0 // whole is where the last revision that fits ends
	for i, event := range events {
		if i > 0 && event.GetKv().GetModRevision() != events[i-1].GetKv().GetModRevision() {
			whole = i
		}
		size += len(event.GetKv().GetKey()) + len(event.GetKv().GetValue()) + len(event.GetPrevious().GetValue())
		if whole > 0 && (i >= fullEvents || size > fullBytes) {
			return events[:whole], events[whole-1].GetKv().GetModRevision()
		}
	}
	return events, through
}

// watchEvents translates changes. It shares the bytes of keys and values, and
// takes the room for all events at once.
func watchEvents(changes []*logv1.KVEvent) []*mvccpb.Event {
	type room struct {
		event        mvccpb.Event
		kv, previous mvccpb.KeyValue
	}
	rooms := make([]room, len(changes))
	events := make([]*mvccpb.Event, len(changes))
	for i, change := range changes {
		r := &rooms[i]
		if change.GetType() == logv1.KVEvent_TYPE_DELETE {
			r.event.Type = mvccpb.Event_DELETE
		}
		r.event.Kv = copyKeyValue(&r.kv, change.GetKv())
		if change.GetPrevious() != nil {
			r.event.PrevKv = copyKeyValue(&r.previous, change.GetPrevious())
		}
		events[i] = &r.event
	}
	return events
}

func copyKeyValue(to *mvccpb.KeyValue, kv *logv1.KeyValue) *mvccpb.KeyValue {
	to.Key, to.Value = kv.GetKey(), kv.GetValue()
	to.CreateRevision, to.ModRevision, to.Version = kv.GetCreateRevision(), kv.GetModRevision(), kv.GetVersion()
	to.Lease = kv.GetLeaseId()
	return to
}

// sendFragments sends a response in pieces if it is large. All but the last say
// that more comes.
func (w *watchStream) sendFragments(res *pb.WatchResponse) error {
	if proto.Size(res) < maxFragment {
		return w.send(res)
	}
	events := res.GetEvents()
	frame := proto.Size(&pb.WatchResponse{Header: res.GetHeader(), WatchId: res.GetWatchId(), Fragment: true})
	for len(events) > 0 {
		fit, size := 0, frame
		for ; fit < len(events); fit++ {
			// 1 is the size of the field's tag.
			if size += 1 + protowire.SizeBytes(proto.Size(events[fit])); size >= maxFragment && fit > 0 {
				break
			}
		}
		piece := &pb.WatchResponse{
			Header: res.GetHeader(), WatchId: res.GetWatchId(), Events: events[:fit], Fragment: fit < len(events),
		}
		if err := w.send(piece); err != nil {
			return err
		}
		events = events[fit:]
	}
	return nil
}
