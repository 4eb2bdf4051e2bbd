package importing

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/conclavehq/conclave/embed"
	"github.com/conclavehq/conclave/internal/archive"
	"github.com/conclavehq/conclave/internal/migrate"
	conclave "github.com/conclavehq/conclave/sdk"
)

// download is what etcdctl snapshot save has in its file in the end.
func download(t *testing.T, endpoint string) []byte {
	t.Helper()
	conn, err := grpc.NewClient("passthrough:///"+strings.TrimPrefix(endpoint, "http://"), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	stream, err := pb.NewMaintenanceClient(conn).Snapshot(within(t), &pb.SnapshotRequest{})
	if err != nil {
		t.Fatal(err)
	}
	var file bytes.Buffer
	for {
		res, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return file.Bytes()
		}
		if err != nil {
			t.Fatal(err)
		}
		file.Write(res.GetBlob())
	}
}

// What etcd's Maintenance.Snapshot gives here is restored elsewhere.
func TestSnapshotThroughEtcd(t *testing.T) {
	node, err := embed.Start(within(t), embed.Config{Dir: t.TempDir(), EtcdURL: "http://127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = node.Stop() })
	from := dial(t, node)
	lease, err := from.GrantLease(within(t), conclave.WithTTL(time.Minute))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := from.Put(within(t), "a", "one", conclave.WithLease(lease)); err != nil {
		t.Fatal(err)
	}
	if _, err := from.Put(within(t), "b", strings.Repeat("large", 100_000)); err != nil {
		t.Fatal(err)
	}
	file := download(t, node.EtcdEndpoints()[0])
	if len(file)%archive.Align != 32 {
		t.Errorf("the file has %d bytes, which etcdctl takes for incomplete", len(file))
	}

	_, to := startNode(t)
	open := func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(file)), nil }
	contents, result, err := migrate.Restore{Client: to, Open: open, Bump: 1, Hold: time.Hour, Report: func(migrate.Report) {}}.Run(within(t))
	if err != nil || !contents.Sealed || contents.Revision != 3 || result.Keys != 2 || result.Leases != 1 || result.Revision != 4 {
		t.Errorf("%+v, %+v, %v", contents, result, err)
	}
	if kv, err := to.Get(within(t), "a"); err != nil || kv.Lease != lease || kv.Modified != 2 {
		t.Errorf("%+v, %v", kv, err)
	}
}

// What an etcd gives is a database of its own, and refused as such.
func TestSnapshotOfAnEtcd(t *testing.T) {
	from := startEtcd(t)
	from.put("a", "x", 0)
	file := download(t, from.url)
	if _, err := archive.NewReader(bytes.NewReader(file)); !errors.Is(err, archive.ErrBolt) {
		t.Errorf("%v", err)
	}
}
