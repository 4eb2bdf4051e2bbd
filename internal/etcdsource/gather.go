package etcdsource

import (
	"errors"
	"fmt"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/mvccpb"

	"github.com/conclavehq/conclave/internal/migrate"
	conclave "github.com/conclavehq/conclave/sdk"
)

// gathering makes whole revisions of the responses of a watch. A response has whole
// revisions, unless it is one of the fragments that a large one was cut into.
type gathering struct {
	revisions []conclave.ImportedRevision
	// partial are the events of the fragments so far.
	partial       []*mvccpb.Event
	through, head int64
}

// count is how many whole revisions there are.
func (g *gathering) count() int { return len(g.revisions) }

// add adds a response.
func (g *gathering) add(res *pb.WatchResponse) error {
	g.head = max(g.head, res.GetHeader().GetRevision())
	events := res.GetEvents()
	if res.GetFragment() {
		g.partial = append(g.partial, events...)
		return nil
	}
	if len(g.partial) > 0 {
		events, g.partial = append(g.partial, events...), nil
	}
	if len(events) == 0 {
		if !res.GetCreated() {
			g.through = max(g.through, res.GetHeader().GetRevision()) // an answer to the question how far it is
		}
		return nil
	}
	for len(events) > 0 {
		n := 1
		for n < len(events) && events[n].GetKv().GetModRevision() == events[0].GetKv().GetModRevision() {
			n++
		}
		revision, err := revisionOf(events[:n])
		if err != nil {
			return err
		}
		g.revisions = append(g.revisions, revision)
		events = events[n:]
	}
	return nil
}

// news is what has been gathered since the last call; ok says whether there is any.
func (g *gathering) news() (news migrate.News, ok bool) {
	news = migrate.News{Revisions: g.revisions, Through: g.through, Head: g.head}
	ok = len(g.revisions) > 0 || g.through > 0
	g.revisions, g.through = nil, 0
	return news, ok
}

// fate is what became of a key in one revision.
type fate struct {
	existed bool
	last    *mvccpb.Event
}

// revisionOf is what one revision did. In a transaction of etcd a key may be put and
// deleted; here what remains is all that counts.
func revisionOf(events []*mvccpb.Event) (conclave.ImportedRevision, error) {
	out := conclave.ImportedRevision{Revision: conclave.Revision(events[0].GetKv().GetModRevision())}
	fates := make(map[string]*fate, len(events))
	var order []string
	for _, event := range events {
		kv := event.GetKv()
		if kv == nil || kv.GetModRevision() < 1 {
			return out, errors.New("etcd told a change without a key or a revision")
		}
		key := string(kv.GetKey())
		if fates[key] == nil {
			fates[key] = &fate{existed: event.GetType() == mvccpb.Event_DELETE || kv.GetCreateRevision() < kv.GetModRevision()}
			order = append(order, key)
		}
		fates[key].last = event
	}
	for _, key := range order {
		f := fates[key]
		switch f.last.GetType() {
		case mvccpb.Event_PUT:
			kv := f.last.GetKv()
			out.Changes = append(out.Changes, conclave.ImportedChange{Put: &conclave.KV{
				Key: key, Value: kv.GetValue(), Created: conclave.Revision(kv.GetCreateRevision()),
				Modified: conclave.Revision(kv.GetModRevision()), Version: kv.GetVersion(), Lease: conclave.LeaseID(kv.GetLease()),
			}})
		case mvccpb.Event_DELETE:
			if f.existed {
				out.Changes = append(out.Changes, conclave.ImportedChange{Delete: key})
			}
		default:
			return out, fmt.Errorf("etcd told a change of a kind that is not known here: %v", f.last.GetType())
		}
	}
	return out, nil
}
