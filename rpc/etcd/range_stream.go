package etcd

import (
	"bytes"
	"context"
	"math"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"github.com/conclavehq/conclave/cluster"
	logv1 "github.com/conclavehq/conclave/proto/gen/conclave/log/v1"
)

// firstChunk is how many keys the first part of a streamed read may have; the
// next parts grow or shrink towards the size of the largest request.
const firstChunk = 10

// RangeStream reads keys as Range does, in parts, all at the revision of the
// first. Header, more and count come with the last.
func (s kvServer) RangeStream(req *pb.RangeRequest, stream grpc.ServerStreamingServer[pb.RangeStreamResponse]) error {
	if err := checkRangeStream(req); err != nil {
		return err
	}
	if req.GetCountOnly() {
		res, err := s.Range(stream.Context(), req)
		if err != nil {
			return err
		}
		return stream.Send(&pb.RangeStreamResponse{RangeResponse: res})
	}
	parts := rangeParts{server: s, part: proto.CloneOf(req), limit: firstChunk, left: req.GetLimit()}
	if parts.left <= 0 {
		parts.left = math.MaxInt64
	}
	for {
		out, last, err := parts.next(stream.Context())
		if err != nil {
			return err
		}
		if err := stream.Send(&pb.RangeStreamResponse{RangeResponse: out}); err != nil || last {
			return err
		}
	}
}

// rangeParts is a read on its way through a range.
type rangeParts struct {
	server kvServer
	// part is the read of the next part; its revision is that of the first.
	part *pb.RangeRequest
	// revision is what the header tells: the namespace's when the read began.
	revision int64
	// limit is how many keys the next part may have, left how many the caller
	// still wants, and count how many there were.
	limit, left, count int64
}

func (p *rangeParts) next(ctx context.Context) (out *pb.RangeResponse, last bool, err error) {
	p.part.Limit = min(p.limit, p.left)
	where, answer, err := p.ask(ctx, p.part)
	if err != nil {
		return nil, false, err
	}
	if p.revision == 0 {
		p.revision = answer.GetRevision()
		if p.part.GetRevision() <= 0 {
			p.part.Revision = p.revision
		}
		p.part.Serializable = true // this node has seen the revision
	}
	out = rangeResponse(p.part, answer.GetRange())
	read := int64(len(out.GetKvs()))
	p.limit = nextChunk(p.limit, proto.Size(out))
	p.count, p.left = p.count+read, p.left-read
	if out.GetMore() {
		p.part.Key = append(bytes.Clone(out.Kvs[read-1].GetKey()), 0)
	}
	if out.GetMore() && p.left > 0 {
		out.More, out.Count = false, 0
		return out, false, nil
	}
	out.Header, out.Count = p.server.header(where.Shard, p.revision), p.count
	if out.GetMore() {
		rest := proto.CloneOf(p.part)
		rest.CountOnly, rest.Limit = true, 0
		if _, answer, err = p.ask(ctx, rest); err != nil {
			return nil, false, err
		}
		out.Count += answer.GetRange().GetCount()
	}
	return out, true, nil
}

func (p *rangeParts) ask(ctx context.Context, part *pb.RangeRequest) (cluster.Namespace, *logv1.Answer, error) {
	read := rangeQuery(part)
	read.Uncounted = true
	return p.server.ask(ctx, part.GetSerializable(), &logv1.Query{Body: &logv1.Query_Range{Range: read}})
}

// checkRangeStream refuses what cannot be read in parts. etcd lets a sort target
// pass that comes without an order, sorts each part by it, and goes on from the
// key that it put last: some keys come twice, some never.
func checkRangeStream(req *pb.RangeRequest) error {
	if err := checkRange(req); err != nil {
		return err
	}
	if req.GetSortTarget() != pb.RangeRequest_KEY || req.GetSortOrder() == pb.RangeRequest_DESCEND {
		return status.Error(codes.Unimplemented, "RangeStream does not support custom sort orders")
	}
	if boundsRevisions(req) {
		return status.Error(codes.Unimplemented, "RangeStream does not support revision filters")
	}
	return nil
}

// nextChunk is how many keys the next part may have.
func nextChunk(limit int64, size int) int64 {
	switch {
	case size < maxRequestBytes/2:
		return 2 * limit
	case size > 2*maxRequestBytes:
		return max(limit/2, 1)
	}
	return limit
}
