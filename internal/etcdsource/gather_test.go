package etcdsource

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/mvccpb"

	conclave "github.com/conclavehq/conclave/sdk"
)

func put(key string, create, mod, version int64) *mvccpb.Event {
	return &mvccpb.Event{Type: mvccpb.Event_PUT, Kv: &mvccpb.KeyValue{
		Key: []byte(key), CreateRevision: create, ModRevision: mod, Version: version, Lease: 7,
	}}
}

func del(key string, mod int64) *mvccpb.Event {
	return &mvccpb.Event{Type: mvccpb.Event_DELETE, Kv: &mvccpb.KeyValue{Key: []byte(key), ModRevision: mod}}
}

func response(revision int64, events ...*mvccpb.Event) *pb.WatchResponse {
	return &pb.WatchResponse{Header: &pb.ResponseHeader{Revision: revision}, Events: events}
}

func placed(key string, create, mod, version int64) conclave.ImportedChange {
	return conclave.ImportedChange{Put: &conclave.KV{
		Key: key, Created: conclave.Revision(create), Modified: conclave.Revision(mod), Version: version, Lease: 7,
	}}
}

// In one revision of etcd a key may change twice; what remains is told, once.
func TestRevisionOf(t *testing.T) {
	for name, c := range map[string]struct {
		events []*mvccpb.Event
		want   []conclave.ImportedChange
	}{
		"in order":           {[]*mvccpb.Event{put("b", 9, 9, 1), del("a", 9)}, []conclave.ImportedChange{placed("b", 9, 9, 1), {Delete: "a"}}},
		"comes and goes":     {[]*mvccpb.Event{put("a", 9, 9, 1), del("a", 9)}, nil},
		"changes and goes":   {[]*mvccpb.Event{put("a", 3, 9, 4), del("a", 9)}, []conclave.ImportedChange{{Delete: "a"}}},
		"goes and comes":     {[]*mvccpb.Event{del("a", 9), put("a", 9, 9, 1)}, []conclave.ImportedChange{placed("a", 9, 9, 1)}},
		"goes, comes, goes":  {[]*mvccpb.Event{del("a", 9), put("a", 9, 9, 1), del("a", 9)}, []conclave.ImportedChange{{Delete: "a"}}},
		"another in between": {[]*mvccpb.Event{put("a", 9, 9, 1), put("b", 9, 9, 1), del("a", 9)}, []conclave.ImportedChange{placed("b", 9, 9, 1)}},
	} {
		got, err := revisionOf(c.events)
		if diff := cmp.Diff(conclave.ImportedRevision{Revision: 9, Changes: c.want}, got); err != nil || diff != "" {
			t.Errorf("%s: %v (-want +got):\n%s", name, err, diff)
		}
	}
	for name, event := range map[string]*mvccpb.Event{"no key": {}, "no revision": put("a", 0, 0, 0), "another kind": {Type: 7, Kv: put("a", 1, 1, 1).Kv}} {
		if got, err := revisionOf([]*mvccpb.Event{event}); err == nil {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

// Fragments are put together, and what is told is whole.
func TestGathering(t *testing.T) {
	var g gathering
	fragment := func(r *pb.WatchResponse) *pb.WatchResponse {
		r.Fragment = true
		return r
	}
	created := response(9)
	created.Created = true
	for _, r := range []*pb.WatchResponse{
		created,
		response(4, put("a", 3, 3, 1), put("b", 3, 3, 1), put("a", 3, 4, 2)),
		fragment(response(5, put("c", 5, 5, 1))),
		fragment(response(5, put("d", 5, 5, 1))),
	} {
		if err := g.add(r); err != nil {
			t.Fatal(err)
		}
	}
	news, ok := g.news()
	if !ok || len(news.Revisions) != 2 || len(news.Revisions[0].Changes) != 2 || news.Revisions[1].Revision != 4 || news.Through != 0 || news.Head != 9 {
		t.Errorf("%+v", news)
	}
	if err := g.add(response(5, del("e", 5), put("f", 6, 6, 1))); err != nil {
		t.Fatal(err)
	}
	if news, ok = g.news(); !ok || len(news.Revisions) != 2 || len(news.Revisions[0].Changes) != 3 || news.Revisions[0].Revision != 5 {
		t.Errorf("%+v", news)
	}
	if err := g.add(response(12)); err != nil {
		t.Fatal(err)
	}
	if news, ok = g.news(); !ok || news.Through != 12 || news.Head != 12 || len(news.Revisions) > 0 {
		t.Errorf("%+v", news)
	}
	if _, ok = g.news(); ok {
		t.Error("the same again")
	}
}

func TestParse(t *testing.T) {
	for endpoint, want := range map[string]target{
		"http://10.0.0.1:2379":  {"10.0.0.1:2379", false},
		"https://etcd:2379/":    {"etcd:2379", true},
		"http://etcd":           {"etcd:2379", false},
		"10.0.0.1:4001":         {"10.0.0.1:4001", false},
		"[::1]:2379":            {"[::1]:2379", false},
		"etcd":                  {"etcd:2379", false},
		"ftp://etcd":            {},
		"http://etcd/v3":        {},
		"":                      {},
		"http://:2379":          {},
		"http://one:1,two:2379": {},
	} {
		got, err := parse(endpoint, false)
		if got != want || (err == nil) != (want != target{}) {
			t.Errorf("%q: %+v, %v", endpoint, got, err)
		}
	}
	if got, err := parse("etcd:2379", true); err != nil || !got.secure {
		t.Errorf("with certificates: %+v, %v", got, err)
	}
}
