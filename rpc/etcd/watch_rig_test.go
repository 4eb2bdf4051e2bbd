package etcd_test

import (
	"context"
	"fmt"
	"net/http"
	"testing"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/mvccpb"
	"google.golang.org/grpc"

	"github.com/conclavehq/conclave/rpc/etcd"
)

// watching is an open stream of watches and what it has told.
type watching struct {
	t      *testing.T
	stream pb.Watch_WatchClient
	end    context.CancelFunc
	// told are the changes of each watch, as show writes them.
	told map[int64][]string
	// through is the revision up to which each watch has been told everything.
	through map[int64]int64
}

func openWatch(t *testing.T, conn *grpc.ClientConn) *watching {
	t.Helper()
	return openWatchIn(t, within(t), conn)
}

func openWatchIn(t *testing.T, ctx context.Context, conn *grpc.ClientConn) *watching {
	t.Helper()
	ctx, cancel := context.WithCancel(ctx)
	t.Cleanup(cancel)
	stream, err := pb.NewWatchClient(conn).Watch(ctx, grpc.MaxCallRecvMsgSize(64<<20))
	if err != nil {
		t.Fatal(err)
	}
	return &watching{t: t, stream: stream, end: cancel, told: map[int64][]string{}, through: map[int64]int64{}}
}

func (w *watching) send(req *pb.WatchRequest) {
	w.t.Helper()
	if err := w.stream.Send(req); err != nil {
		w.t.Fatal(err)
	}
}

func (w *watching) ask(req *pb.WatchCreateRequest) {
	w.t.Helper()
	w.send(&pb.WatchRequest{RequestUnion: &pb.WatchRequest_CreateRequest{CreateRequest: req}})
}

func (w *watching) cancel(id int64) {
	w.t.Helper()
	w.send(&pb.WatchRequest{RequestUnion: &pb.WatchRequest_CancelRequest{CancelRequest: &pb.WatchCancelRequest{WatchId: id}}})
}

func (w *watching) progress() {
	w.t.Helper()
	w.send(&pb.WatchRequest{RequestUnion: &pb.WatchRequest_ProgressRequest{ProgressRequest: &pb.WatchProgressRequest{}}})
}

// next receives a response and checks what holds for all of them.
func (w *watching) next() *pb.WatchResponse {
	w.t.Helper()
	res, err := w.stream.Recv()
	if err != nil {
		w.t.Fatalf("instead of a response: %v", err)
	}
	if h := res.GetHeader(); h.GetClusterId() == 0 || h.GetMemberId() == 0 || h.GetRaftTerm() == 0 {
		w.t.Errorf("header %v is not complete", h)
	}
	id, events := res.GetWatchId(), res.GetEvents()
	if n := len(events); n > 0 {
		if first := events[0].GetKv().GetModRevision(); first <= w.through[id] {
			w.t.Errorf("watch %d: a part of revision %d comes after all of %d", id, first, w.through[id])
		}
		if last := events[n-1].GetKv().GetModRevision(); last > res.GetHeader().GetRevision() {
			w.t.Errorf("watch %d: an event is newer than its header: %v", id, res)
		}
		if !res.GetFragment() {
			w.through[id] = res.GetHeader().GetRevision()
		}
	}
	for _, event := range events {
		w.told[id] = append(w.told[id], show(event))
	}
	return res
}

// create begins a watch and returns the answer. Changes that come before it are
// of other watches.
func (w *watching) create(req *pb.WatchCreateRequest) *pb.WatchResponse {
	w.t.Helper()
	w.ask(req)
	for {
		res := w.next()
		if res.GetCreated() {
			if len(res.GetEvents()) > 0 {
				w.t.Errorf("created with events: %v", res)
			}
			return res
		}
	}
}

// wait waits until watch 0 was told so many changes, and returns them.
func (w *watching) wait(changes int) []string {
	w.t.Helper()
	return w.waitFor(0, changes)
}

func (w *watching) waitFor(id int64, changes int) []string {
	w.t.Helper()
	for len(w.told[id]) < changes {
		w.next()
	}
	if len(w.told[id]) > changes {
		w.t.Errorf("watch %d was told %q, want %d changes", id, w.told[id], changes)
	}
	told := w.told[id]
	w.told[id] = nil
	return told
}

// show writes a change as KEY=VALUE@REVISION or -KEY@REVISION, with the value
// before in brackets.
func show(event *mvccpb.Event) string {
	kv, before := event.GetKv(), ""
	if event.GetPrevKv() != nil {
		before = fmt.Sprintf("(%s@%d)", event.GetPrevKv().GetValue(), event.GetPrevKv().GetModRevision())
	}
	if event.GetType() == mvccpb.Event_DELETE {
		return fmt.Sprintf("-%s%s@%d", kv.GetKey(), before, kv.GetModRevision())
	}
	return fmt.Sprintf("%s=%s%s@%d", kv.GetKey(), kv.GetValue(), before, kv.GetModRevision())
}

// also serves a site a second time, with another configuration.
func (s *site) also(config etcd.Config) *grpc.ClientConn {
	s.t.Helper()
	config.Cluster = s
	api, err := etcd.New(config)
	if err != nil {
		s.t.Fatal(err)
	}
	l, served := listen(s.t), make(chan error, 1)
	go func() { served <- api.Serve(l, &http.Server{}) }()
	conn := dial(s.t, l)
	s.ends = append(s.ends, func() {
		_ = conn.Close()
		api.Close()
		<-served
	})
	return conn
}

func remove(t *testing.T, conn *grpc.ClientConn, key, end string) int64 {
	t.Helper()
	res, err := pb.NewKVClient(conn).DeleteRange(within(t), &pb.DeleteRangeRequest{Key: []byte(key), RangeEnd: []byte(end)})
	if err != nil {
		t.Fatal(err)
	}
	return res.GetHeader().GetRevision()
}

func compact(t *testing.T, conn *grpc.ClientConn, revision int64) {
	t.Helper()
	if _, err := pb.NewKVClient(conn).Compact(within(t), &pb.CompactionRequest{Revision: revision}); err != nil {
		t.Fatal(err)
	}
}
