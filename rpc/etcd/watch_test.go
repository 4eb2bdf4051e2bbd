package etcd_test

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
)

// onPorts runs a test over each of the ports, with a site of its own.
func onPorts(t *testing.T, test func(t *testing.T, s *site, conn *grpc.ClientConn)) {
	for _, port := range []string{"native", "connect"} {
		t.Run(port, func(t *testing.T) {
			s := newSite(t)
			test(t, s, s.ports()[port])
		})
	}
}

func TestWatchCreate(t *testing.T) {
	onPorts(t, func(t *testing.T, s *site, conn *grpc.ClientConn) {
		w := openWatch(t, conn)
		key := []byte("k")
		now := write(t, conn, "k", "v", 0)
		for _, c := range []struct {
			req    *pb.WatchCreateRequest
			id     int64
			reason string
		}{
			{req: &pb.WatchCreateRequest{Key: key}, id: 0},
			{req: &pb.WatchCreateRequest{Key: key, StartRevision: 100}, id: 1},
			{req: &pb.WatchCreateRequest{Key: key, WatchId: 7}, id: 7},
			{req: &pb.WatchCreateRequest{Key: key, WatchId: 2}, id: 2},
			{req: &pb.WatchCreateRequest{Key: key, WatchId: -5}, id: -5},
			{req: &pb.WatchCreateRequest{}, id: 3},
			{req: &pb.WatchCreateRequest{Key: key, WatchId: 7}, id: -1, reason: "mvcc: duplicate watch ID provided on the WatchStream"},
			{req: &pb.WatchCreateRequest{Key: key, StartRevision: -1}, id: -1, reason: "etcdserver: mvcc: required revision has been compacted"},
			{req: &pb.WatchCreateRequest{Key: key, RangeEnd: key}, id: -1, reason: "mvcc: watcher range is empty"},
			{req: &pb.WatchCreateRequest{Key: key, RangeEnd: []byte("a"), WatchId: 7}, id: -1, reason: "mvcc: watcher range is empty"},
			{req: &pb.WatchCreateRequest{Key: key, RangeEnd: []byte{0}}, id: 4},
			{req: &pb.WatchCreateRequest{Key: []byte{0}, RangeEnd: []byte{0}}, id: 5},
		} {
			res := w.create(c.req)
			if res.GetWatchId() != c.id || res.GetCanceled() != (c.reason != "") || res.GetCancelReason() != c.reason {
				t.Errorf("%v: %v, want id %d, %q", c.req, res, c.id, c.reason)
			}
			if res.GetHeader().GetRevision() != now || res.GetCompactRevision() != 0 {
				t.Errorf("%v: %v, want revision %d", c.req, res, now)
			}
		}
	})
}

// Requests that are sent without waiting are answered in their order.
func TestWatchAnswersInOrder(t *testing.T) {
	onPorts(t, func(t *testing.T, s *site, conn *grpc.ClientConn) {
		w := openWatch(t, conn)
		var want, got []string
		for i := range int64(300) {
			w.ask(&pb.WatchCreateRequest{Key: fmt.Append(nil, i), StartRevision: i % 3})
			want = append(want, fmt.Sprintf("%d created", i))
			if i%3 == 2 {
				w.cancel(1000) // there is none
				w.cancel(i)
				want = append(want, fmt.Sprintf("%d canceled", i))
			}
		}
		for len(got) < len(want) {
			res := w.next()
			switch {
			case res.GetCreated() && !res.GetCanceled():
				got = append(got, fmt.Sprintf("%d created", res.GetWatchId()))
			case res.GetCanceled() && res.GetHeader().GetRevision() == 1 && res.GetCancelReason() == "":
				got = append(got, fmt.Sprintf("%d canceled", res.GetWatchId()))
			default:
				t.Fatalf("unexpected: %v", res)
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
	})
}

func TestWatchEvents(t *testing.T) {
	onPorts(t, func(t *testing.T, s *site, conn *grpc.ClientConn) {
		first := write(t, conn, "b", "1", 0) // 2
		w := openWatch(t, conn)
		for id, req := range []*pb.WatchCreateRequest{
			{Key: []byte("b")},
			{Key: []byte("b"), PrevKv: true},
			{Key: []byte("b"), StartRevision: first},
			{Key: []byte("a"), RangeEnd: []byte("c"), Filters: []pb.WatchCreateRequest_FilterType{pb.WatchCreateRequest_NODELETE}},
			{Key: []byte("a"), RangeEnd: []byte("c"), Filters: []pb.WatchCreateRequest_FilterType{pb.WatchCreateRequest_NOPUT}, PrevKv: true},
			{Key: []byte("b"), StartRevision: 5},
			{Key: []byte("b"), RangeEnd: []byte{0}, StartRevision: first, PrevKv: true},
		} {
			if res := w.create(req); res.GetWatchId() != int64(id) {
				t.Fatal(res)
			}
		}
		write(t, conn, "b", "2", 0)   // 3
		write(t, conn, "a", "1", 0)   // 4
		remove(t, conn, "a", "bb")    // 5
		write(t, conn, "b", "3", 0)   // 6
		remove(t, conn, "none", "")   // 6
		write(t, conn, "zzz", "1", 0) // 7
		for id, want := range map[int64][]string{
			0: {"b=2@3", "-b@5", "b=3@6"},
			1: {"b=2(1@2)@3", "-b(2@3)@5", "b=3@6"},
			2: {"b=1@2", "b=2@3", "-b@5", "b=3@6"},
			3: {"b=2@3", "a=1@4", "b=3@6"},
			4: {"-a(1@4)@5", "-b(2@3)@5"},
			5: {"-b@5", "b=3@6"},
			6: {"b=1@2", "b=2(1@2)@3", "-b(2@3)@5", "b=3@6", "zzz=1@7"},
		} {
			if diff := cmp.Diff(want, w.waitFor(id, len(want))); diff != "" {
				t.Errorf("watch %d: %s", id, diff)
			}
		}
	})
}

// A watch that starts before what is forgotten is begun and then canceled, with
// the revision that it can start from.
func TestWatchCompacted(t *testing.T) {
	onPorts(t, func(t *testing.T, s *site, conn *grpc.ClientConn) {
		write(t, conn, "k", "2", 0)
		write(t, conn, "k", "3", 0)
		write(t, conn, "other", "4", 0)
		compact(t, conn, 4)
		w := openWatch(t, conn)
		for _, start := range []int64{1, 3} {
			created := w.create(&pb.WatchCreateRequest{Key: []byte("k"), StartRevision: start})
			if created.GetCanceled() || created.GetHeader().GetRevision() != 4 {
				t.Errorf("created: %v", created)
			}
			ended := w.next()
			if !ended.GetCanceled() || ended.GetCompactRevision() != 4 || ended.GetWatchId() != created.GetWatchId() ||
				ended.GetHeader().GetRevision() != 0 || ended.GetCancelReason() != "" || ended.GetCreated() {
				t.Errorf("ended: %v", ended)
			}
		}
		// etcd keeps their ids until they are canceled.
		if res := w.create(&pb.WatchCreateRequest{Key: []byte("k"), WatchId: 1}); !res.GetCanceled() {
			t.Errorf("the id is free: %v", res)
		}
		w.cancel(1)
		if res := w.next(); !res.GetCanceled() || res.GetWatchId() != 1 {
			t.Errorf("canceled: %v", res)
		}
		w.create(&pb.WatchCreateRequest{Key: []byte("k"), StartRevision: 4, WatchId: 1})
		write(t, conn, "k", "5", 0)
		if got := w.waitFor(1, 1)[0]; got != "k=5@5" {
			t.Errorf("told %s", got)
		}
		w.create(&pb.WatchCreateRequest{Key: []byte("k"), StartRevision: 5, PrevKv: true, WatchId: 9})
		if got := w.waitFor(9, 1)[0]; got != "k=5(3@3)@5" {
			t.Errorf("told %s", got)
		}
		compact(t, conn, 5)
		w.create(&pb.WatchCreateRequest{Key: []byte("k"), StartRevision: 5, PrevKv: true, WatchId: 10})
		if got := w.waitFor(10, 1)[0]; got != "k=5@5" {
			t.Errorf("told %s, and the version before is forgotten", got)
		}
	})
}

func TestWatchProgressRequest(t *testing.T) {
	onPorts(t, func(t *testing.T, s *site, conn *grpc.ClientConn) {
		w := openWatch(t, conn)
		w.progress() // there is no watch
		w.create(&pb.WatchCreateRequest{Key: []byte("a")})
		w.create(&pb.WatchCreateRequest{Key: []byte("k"), RangeEnd: []byte{0}, StartRevision: 1})
		now := write(t, conn, "other", "v", 0)
		told := func() *pb.WatchResponse {
			t.Helper()
			for {
				if res := w.next(); len(res.GetEvents()) == 0 {
					return res
				}
			}
		}
		// The second watch reads history for a moment. etcd drops requests until then.
		var res *pb.WatchResponse
		for id := int64(100); res.GetWatchId() != -1; id++ {
			w.progress()
			w.ask(&pb.WatchCreateRequest{WatchId: id, Key: []byte("none"), RangeEnd: []byte("nonf")})
			w.cancel(id)
			if res = told(); res.GetWatchId() == -1 {
				told()
			}
			told()
		}
		if res.GetHeader().GetRevision() != now || res.GetCreated() || res.GetCanceled() || len(res.GetEvents()) != 0 {
			t.Errorf("progress: %v, want revision %d", res, now)
		}
		// With one that begins in the future, nothing is told.
		w.create(&pb.WatchCreateRequest{Key: []byte("a"), StartRevision: now + 2, WatchId: 50})
		w.progress()
		w.cancel(99)
		w.ask(&pb.WatchCreateRequest{Key: []byte("a"), RangeEnd: []byte("a")})
		if res := told(); res.GetCancelReason() == "" {
			t.Errorf("told progress: %v", res)
		}
		write(t, conn, "x", "v", 0)
		now = write(t, conn, "b", "v", 0)
		w.progress()
		if res := told(); res.GetWatchId() != -1 || res.GetHeader().GetRevision() != now {
			t.Errorf("told %v, want progress to %d", res, now)
		}
	})
}

// Changes that are too large for one response come in pieces, for those who want
// that, and in one for the others.
func TestWatchFragments(t *testing.T) {
	onPorts(t, func(t *testing.T, s *site, conn *grpc.ClientConn) {
		const keys, size = 30, 100 << 10
		w := openWatch(t, conn)
		from := int64(2)
		for i := range keys {
			write(t, conn, fmt.Sprintf("k%02d", i), strings.Repeat("x", size), 0)
		}
		gone := remove(t, conn, "k", "l")
		w.create(&pb.WatchCreateRequest{Key: []byte("k"), RangeEnd: []byte("l"), StartRevision: gone, PrevKv: true})
		if res := w.next(); len(res.GetEvents()) != keys || res.GetFragment() {
			t.Errorf("%d changes of %d, fragment %v", len(res.GetEvents()), keys, res.GetFragment())
		}
		w.create(&pb.WatchCreateRequest{Key: []byte("k"), RangeEnd: []byte("l"), StartRevision: from, PrevKv: true, Fragment: true})
		pieces := 0
		for events := 0; events < 2*keys; {
			res := w.next()
			events += len(res.GetEvents())
			if bytes := len(res.GetEvents()) * size; bytes > 2<<20 {
				t.Errorf("a piece of %d bytes", bytes)
			}
			if last := events == 2*keys; res.GetEvents()[0].GetKv().GetModRevision() == gone {
				if pieces++; res.GetFragment() == last {
					t.Errorf("piece %d says fragment: %v", pieces, res.GetFragment())
				}
			} else if res.GetFragment() {
				t.Error("whole revisions came as a fragment")
			}
		}
		if pieces != 2 {
			t.Errorf("%d pieces", pieces)
		}
	})
}

func TestWatchDrains(t *testing.T) {
	onPorts(t, func(t *testing.T, s *site, conn *grpc.ClientConn) {
		w := openWatch(t, conn)
		w.create(&pb.WatchCreateRequest{Key: []byte("k")})
		s.api.Drain()
		_, err := w.stream.Recv()
		wantError(t, "watch", rpctypes.ErrGRPCStopped, err)
	})
}

// A client that says that it has no more requests goes on being told.
func TestWatchHalfClosed(t *testing.T) {
	onPorts(t, func(t *testing.T, s *site, conn *grpc.ClientConn) {
		w := openWatch(t, conn)
		w.create(&pb.WatchCreateRequest{Key: []byte("k")})
		if err := w.stream.CloseSend(); err != nil {
			t.Fatal(err)
		}
		write(t, conn, "k", "v", 0)
		w.wait(1)
	})
}

// The JSON gateway streams: one request, and a line for each response.
func TestWatchAsJSON(t *testing.T) {
	s := newSite(t)
	now := write(t, s.native, "k", "v", 0)
	body := fmt.Sprintf(`{"create_request":{"key":%q,"start_revision":"%d"}}`, base64.StdEncoding.EncodeToString([]byte("k")), now)
	req, err := http.NewRequestWithContext(within(t), http.MethodPost, s.plain+"/v3/watch", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	client := &http.Client{Transport: &http.Transport{}}
	defer client.CloseIdleConnections()
	res, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	lines := bufio.NewScanner(res.Body)
	for _, want := range []string{`"created":true`, `"mod_revision":"2"`} {
		if !lines.Scan() {
			t.Fatal(lines.Err())
		}
		var compact bytes.Buffer
		if err := json.Compact(&compact, lines.Bytes()); err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(compact.String(), want) {
			t.Errorf("%s has no %s", compact.String(), want)
		}
	}
}

// A client that wants a leader is served while there is one.
func TestWatchWithLeader(t *testing.T) {
	onPorts(t, func(t *testing.T, s *site, conn *grpc.ClientConn) {
		ctx := metadata.AppendToOutgoingContext(within(t), rpctypes.MetadataRequireLeaderKey, rpctypes.MetadataHasLeader)
		w := openWatchIn(t, ctx, conn)
		w.create(&pb.WatchCreateRequest{Key: []byte("k")})
		write(t, conn, "k", "v", 0)
		w.wait(1)
	})
}
