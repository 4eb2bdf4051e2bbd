package etcd

import (
	"context"
	"crypto/sha256"
	"errors"
	"hash"
	"time"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"google.golang.org/grpc"

	"github.com/conclavehq/conclave/internal/archive"
	"github.com/conclavehq/conclave/internal/version"
	logv1 "github.com/conclavehq/conclave/proto/gen/conclave/log/v1"
)

const (
	// snapshotBlob is how much of a snapshot goes in one message.
	snapshotBlob = 32 << 10
	// snapshotLeases is how many leases are read in one go.
	snapshotLeases = 10_000
)

// Snapshot streams the namespace's keys and leases, as they are on this node, as an
// archive, which `conclave snapshot restore` reads. It is no database file of etcd,
// and etcdutl cannot read it. As with etcd, the SHA-256 of all of it comes last.
func (m maintenanceServer) Snapshot(_ *pb.SnapshotRequest, stream grpc.ServerStreamingServer[pb.SnapshotResponse]) error {
	ctx, done := m.untilDrained(stream.Context())
	defer done()
	source := &snapshotSource{server: m.Server}
	header, size, err := source.open(ctx)
	if err != nil {
		return err
	}
	blobs := &snapshotBlobs{send: stream.Send, sum: sha256.New(), left: size}
	began := time.Now()
	summary, err := archive.Write(ctx, blobs, header, source)
	if err == nil {
		err = blobs.finish()
	}
	if broken, ok := errors.AsType[brokenStream](err); ok {
		return broken.error
	}
	if err != nil {
		return m.explain(ctx, err)
	}
	m.config.Log.Info().Int64("revision", header.Revision).Int64("keys", summary.Keys).Int64("bytes", summary.Bytes).
		Dur("took", time.Since(began)).Msg("sent a snapshot: an archive of the namespace, not a database file of etcd")
	return nil
}

// snapshotBlobs sends what is written as etcd's messages.
type snapshotBlobs struct {
	send    func(*pb.SnapshotResponse) error
	sum     hash.Hash
	pending []byte
	// left is how many bytes remain, about: nobody knows before they are read.
	left int64
}

// Write sends all whole blobs but the last, which may be the end.
func (b *snapshotBlobs) Write(data []byte) (int, error) {
	_, _ = b.sum.Write(data)
	b.pending = append(b.pending, data...)
	for len(b.pending) > snapshotBlob {
		b.left = max(b.left-snapshotBlob, int64(len(b.pending)-snapshotBlob))
		if err := b.blob(b.pending[:snapshotBlob], b.left); err != nil {
			return 0, err
		}
		b.pending = b.pending[snapshotBlob:]
	}
	return len(data), nil
}

// finish sends what is left, and the sum.
func (b *snapshotBlobs) finish() error {
	if err := b.blob(b.pending, 0); err != nil {
		return err
	}
	return b.blob(b.sum.Sum(nil), 0)
}

func (b *snapshotBlobs) blob(data []byte, left int64) error {
	err := b.send(&pb.SnapshotResponse{Blob: data, RemainingBytes: uint64(left), Version: clusterVersion})
	if err != nil {
		return brokenStream{err}
	}
	return nil
}

// snapshotSource reads the namespace from this node's replica, at one revision: a
// compaction beyond it, meanwhile, is an error.
type snapshotSource struct {
	server   *Server
	revision int64
	// first is the first page of the leases, which chose the revision.
	first *logv1.ListLeasesResult
}

var _ archive.Source = (*snapshotSource)(nil)

// open chooses the revision, and guesses the size.
func (s *snapshotSource) open(ctx context.Context) (archive.Header, int64, error) {
	_, state, err := s.server.ask(ctx, true, &logv1.Query{Body: &logv1.Query_GetStatus{GetStatus: &logv1.GetStatus{}}})
	if err != nil {
		return archive.Header{}, 0, err
	}
	where, answer, err := s.server.ask(ctx, true, leasePageAfter(0))
	if err != nil {
		return archive.Header{}, 0, err
	}
	s.revision, s.first = answer.GetRevision(), answer.GetListLeases()
	return archive.Header{
		Cluster:   s.server.cluster.Standing(where.Shard).ClusterID,
		Namespace: where.Name,
		Revision:  s.revision,
		Made:      time.Now(),
		Program:   "conclave " + version.Version,
	}, state.GetGetStatus().GetDiskBytes(), nil
}

// Leases reads a page of leases.
func (s *snapshotSource) Leases(ctx context.Context, after int64) (page []archive.Lease, more bool, err error) {
	result := s.first
	if after != 0 {
		_, answer, err := s.server.ask(ctx, true, leasePageAfter(after))
		if err != nil {
			return nil, false, err
		}
		result = answer.GetListLeases()
	}
	for _, lease := range result.GetLeases() {
		page = append(page, archive.Lease{ID: lease.GetLeaseId(), TTL: time.Duration(lease.GetTtlMs()) * time.Millisecond})
	}
	return page, result.GetMore(), nil
}

// Keys reads a page of keys.
func (s *snapshotSource) Keys(ctx context.Context, from []byte) (page []archive.Key, more bool, err error) {
	if len(from) == 0 {
		from = []byte{0}
	}
	_, answer, err := s.server.ask(ctx, true, &logv1.Query{Body: &logv1.Query_ExportKeys{
		ExportKeys: &logv1.ExportKeys{Key: from, RangeEnd: []byte{0}, Revision: s.revision},
	}})
	if err != nil {
		return nil, false, err
	}
	for _, kv := range answer.GetExportKeys().GetKvs() {
		page = append(page, archive.Key{
			Key: kv.GetKey(), Value: kv.GetValue(), CreateRevision: kv.GetCreateRevision(),
			ModRevision: kv.GetModRevision(), Version: kv.GetVersion(), Lease: kv.GetLeaseId(),
		})
	}
	return page, answer.GetExportKeys().GetMore(), nil
}

func leasePageAfter(id int64) *logv1.Query {
	return &logv1.Query{Body: &logv1.Query_ListLeases{
		ListLeases: &logv1.ListLeases{AfterLeaseId: id, Limit: snapshotLeases},
	}}
}
