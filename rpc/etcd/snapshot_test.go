package etcd_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	"google.golang.org/grpc"

	"github.com/conclavehq/conclave/cluster"
	"github.com/conclavehq/conclave/internal/archive"
	logv1 "github.com/conclavehq/conclave/proto/gen/conclave/log/v1"
)

// save does what `etcdctl snapshot save` does.
func save(t *testing.T, conn *grpc.ClientConn) (file []byte, messages []*pb.SnapshotResponse, err error) {
	t.Helper()
	stream, err := pb.NewMaintenanceClient(conn).Snapshot(within(t), &pb.SnapshotRequest{})
	if err != nil {
		t.Fatal(err)
	}
	for {
		res, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return file, messages, nil
		}
		if err != nil {
			return nil, nil, err
		}
		file = append(file, res.GetBlob()...)
		messages = append(messages, res)
	}
}

// restore reads an archive to its end.
func restore(t *testing.T, file []byte) (header archive.Header, keys []archive.Key, leases []archive.Lease) {
	t.Helper()
	r, err := archive.NewReader(bytes.NewReader(file))
	if err != nil {
		t.Fatal(err)
	}
	for {
		k, l, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		keys, leases = append(keys, k...), append(leases, l...)
	}
	if !r.Sealed() {
		t.Error("no SHA-256 is at the end")
	}
	return r.Header(), keys, leases
}

// shown shows keys, with a part of their values.
func shown(keys []archive.Key) (lines []string) {
	for _, k := range keys {
		lines = append(lines, fmt.Sprintf("%q created %d, changed %d, version %d, lease %d: %d bytes, %x",
			k.Key, k.CreateRevision, k.ModRevision, k.Version, k.Lease, len(k.Value), sha256.Sum256(k.Value)))
	}
	return lines
}

// A snapshot has all keys and leases, is sent in parts, and looks to etcdctl like a
// whole one: its size is 32 bytes above a multiple of 512.
func TestSnapshot(t *testing.T) {
	s := newSite(t)
	if file, messages, err := save(t, s.native); err != nil || len(file)%512 != sha256.Size || len(messages) != 2 {
		t.Errorf("of nothing: %d bytes in %d messages, %v", len(file), len(messages), err)
	}

	a, b := grant(t, s.native, 7, 60).GetID(), grant(t, s.native, -8, 90).GetID()
	wantLeases := []archive.Lease{{ID: b, TTL: 90 * time.Second}, {ID: a, TTL: time.Minute}}
	var want []archive.Key
	put := func(key, value string, lease int64) {
		revision := write(t, s.native, key, value, lease)
		want = append(want, archive.Key{
			Key: []byte(key), Value: []byte(value), CreateRevision: revision, ModRevision: revision, Version: 1, Lease: lease,
		})
	}
	put("\x00", "first", a)
	put("\xff\xff", "last", b)
	put("empty", "", 0)
	for i := range 40 {
		put(fmt.Sprintf("large/%02d", i), strings.Repeat(fmt.Sprint(i), 50<<10), 0)
	}
	write(t, s.native, "gone", "x", 0)
	revision := remove(t, s.native, "gone", "")
	slices.SortFunc(want, func(a, b archive.Key) int { return bytes.Compare(a.Key, b.Key) })

	for port, conn := range s.ports() {
		file, messages, err := save(t, conn)
		if err != nil {
			t.Fatal(err)
		}
		header, keys, leases := restore(t, file)
		if diff := cmp.Diff(shown(want), shown(keys)); diff != "" {
			t.Errorf("%s: keys (-want +got):\n%s", port, diff)
		}
		if diff := cmp.Diff(wantLeases, leases); diff != "" {
			t.Errorf("%s: leases (-want +got):\n%s", port, diff)
		}
		if header.Namespace != "default" || header.Revision != revision || header.Cluster != s.Cluster.Status().ClusterID {
			t.Errorf("%s: header %+v, want revision %d", port, header, revision)
		}
		if len(file)%512 != sha256.Size {
			t.Errorf("%s: %d bytes", port, len(file))
		}
		for i, m := range messages {
			end := i >= len(messages)-2
			if (m.GetRemainingBytes() == 0) != end || len(m.GetBlob()) > 32<<10 || m.GetVersion() != "3.7.0" {
				t.Errorf("%s: message %d of %d: %d bytes, %d remain, version %s",
					port, i, len(messages), len(m.GetBlob()), m.GetRemainingBytes(), m.GetVersion())
			}
		}
	}
}

// busy is a node that goes on while a snapshot is made.
type busy struct {
	*site
	mu      sync.Mutex
	reads   int
	between func(read int)
}

func (b *busy) Query(ctx context.Context, shard uint64, read cluster.ReadOptions, q *logv1.Query) (*logv1.Answer, error) {
	if q.GetExportKeys() != nil {
		b.mu.Lock()
		b.reads++
		b.between(b.reads)
		b.mu.Unlock()
	}
	return b.site.Query(ctx, shard, read, q)
}

// What changes while a snapshot is made is not in it; what is compacted meanwhile
// ends it.
func TestSnapshotOfABusyNode(t *testing.T) {
	s := newSite(t)
	for i := range 40 {
		write(t, s.native, fmt.Sprintf("k%02d", i), strings.Repeat("before", 20<<10), 0)
	}
	node := &busy{site: s, between: func(read int) {
		s.put(fmt.Sprintf("k%02d", 39-read), "after")
		s.await(s.remove(fmt.Sprintf("k%02d", read)))
	}}
	conn := serveOver(t, node)
	file, _, err := save(t, conn)
	if err != nil {
		t.Fatal(err)
	}
	_, keys, _ := restore(t, file)
	if len(keys) != 40 || node.reads < 3 {
		t.Errorf("%d keys in %d reads", len(keys), node.reads)
	}
	for _, k := range keys {
		if !bytes.HasPrefix(k.Value, []byte("before")) {
			t.Errorf("%s is of revision %d", k.Key, k.ModRevision)
		}
	}

	node.reads = 0
	node.between = func(read int) {
		if read == 2 {
			s.await(s.compact(s.put("k", "v").GetRevision()))
		}
	}
	_, _, err = save(t, conn)
	wantError(t, "a compaction meanwhile", rpctypes.ErrGRPCCompacted, err)
}
