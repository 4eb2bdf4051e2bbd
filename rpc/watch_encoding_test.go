package rpc

import (
	"testing"

	"google.golang.org/protobuf/proto"

	conclavev1 "github.com/conclavehq/conclave/proto/gen/conclave/v1"
)

// What several streams send is encoded once, and only what is the same is taken
// for the same.
func TestEncodings(t *testing.T) {
	var e encodings
	encode := func(kind watchKind, told int64, revs ...int64) *byte {
		data, err := e.encode(kind, revisions(1, revs...), told)
		if err != nil {
			t.Fatal(err)
		}
		var m conclavev1.WatchResponse
		if err := proto.Unmarshal(data, &m); err != nil || m.GetRevision() != told || len(m.GetEvents()) != len(revs) {
			t.Errorf("%v to %d became %v, %v", revs, told, &m, err)
		}
		return &data[0]
	}
	kind := watchKind{namespace: "a", id: 1, key: "k"}
	first := encode(kind, 9, 5, 6)
	if encode(watchKind{id: 1, key: "k", every: 7}, 9, 5, 6) != first {
		t.Error("the same message was encoded twice")
	}
	for _, other := range []*byte{
		encode(watchKind{id: 2, key: "k"}, 9, 5, 6),
		encode(watchKind{id: 1, key: "k", previous: true}, 9, 5, 6),
		encode(kind, 8, 5, 6),
		encode(kind, 9, 6),
		encode(kind, 9, 5, 6, 7),
	} {
		if other == first {
			t.Error("different messages were taken for the same")
		}
	}
	for rev := range int64(keptEncodings) {
		encode(kind, rev+100, rev+100)
	}
	if len(e.known) != keptEncodings {
		t.Errorf("%d encodings are kept, want %d", len(e.known), keptEncodings)
	}
}

// Promise D4: streams that share encodings are told what they would be without.
func TestStreamsShareEncodings(t *testing.T) {
	onWatches(t, func(r *watchRig) {
		other := &watchRig{
			t: t, fake: r.fake, pipe: newWatchPipe(r.pipe.ctx, r.pipe.core, r.pipe.edge, nil),
			from: map[uint64]int64{}, told: map[uint64][]string{}, undue: map[uint64]uint64{},
			ended: map[uint64]*conclavev1.CallError{},
		}
		all := &conclavev1.WatchRequest{Span: allKeys}
		r.send(open(1, all))
		other.send(open(1, all), open(2, &conclavev1.WatchRequest{Span: allKeys, StartRevision: 3}))
		r.hear()
		other.hear()
		for range 3 {
			r.fake.publish(put("a", "1"))
			r.hear()
			other.hear()
		}
		r.want(1, "a@2 a@3 a@4")
		other.want(1, "a@2 a@3 a@4")
		other.want(2, "a@3 a@4")
		if n := len(r.pipe.encodings.known); n != 3 {
			t.Errorf("%d messages were encoded, want 3", n)
		}
	})
}
