package etcd

import (
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"time"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
)

// waitingRequests is how many requests of a stream wait while it is busy.
const waitingRequests = 16

// watchServer is etcd's Watch service.
type watchServer struct {
	*Server
	pb.UnsafeWatchServer
}

var _ pb.WatchServer = watchServer{}

// Watch serves a stream of many watches until the client ends it, the server
// drains, or the node has long had no leader. One goroutine receives, and this
// one does everything else; see watchStream.
func (s watchServer) Watch(stream pb.Watch_WatchServer) error {
	ctx, where, done, err := s.streaming(stream.Context())
	if err != nil {
		return err
	}
	defer done()
	w := newWatchStream(s.Server, where, stream.Send)
	defer w.close()
	requests := make(chan *pb.WatchRequest, waitingRequests)
	received := make(chan error, 1)
	go func() { received <- receiveWatches(ctx, stream, requests) }() // ends with the stream at the latest

	err = w.run(ctx, requests, received)
	var broken brokenStream
	switch {
	case errors.Is(stream.Context().Err(), context.Canceled):
		return rpctypes.ErrGRPCWatchCanceled
	case errors.As(err, &broken):
		return broken.error
	}
	return s.explain(ctx, err)
}

// brokenStream is an error of the stream itself.
type brokenStream struct{ error }

// receiveWatches passes on what a stream asks for. The end of the client's part
// is no error: it goes on listening.
func receiveWatches(ctx context.Context, stream pb.Watch_WatchServer, requests chan<- *pb.WatchRequest) error {
	for {
		req, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		select {
		case requests <- req:
		case <-ctx.Done():
			return nil
		}
	}
}

// run serves the stream until ctx ends or it fails.
func (w *watchStream) run(ctx context.Context, requests <-chan *pb.WatchRequest, received <-chan error) error {
	quiet := time.NewTicker(w.progressEvery())
	defer quiet.Stop()
	for {
		var err error
		select {
		case req := <-requests:
			err = w.take(ctx, req)
		case <-w.ready.wake:
			if src := w.ready.take(); src != nil {
				err = w.serve(src)
			}
		case <-quiet.C:
			err = w.notifyProgress()
		case err = <-received:
			received = nil
			if err != nil {
				return brokenStream{err}
			}
		case <-ctx.Done():
			return ctx.Err()
		}
		if err != nil {
			return err
		}
	}
}

// progressEvery is how often the watches of a stream that saw nothing are told
// how far they are: not all streams at the same time, although they may have
// begun together.
func (s *Server) progressEvery() time.Duration {
	every := s.config.ProgressEvery
	return every + rand.N(every/10+1)
}

// take carries out a request.
func (w *watchStream) take(ctx context.Context, req *pb.WatchRequest) error {
	switch r := req.GetRequestUnion().(type) {
	case *pb.WatchRequest_CreateRequest:
		if r.CreateRequest != nil {
			return w.create(ctx, r.CreateRequest)
		}
	case *pb.WatchRequest_CancelRequest:
		if r.CancelRequest != nil {
			return w.cancel(ctx, r.CancelRequest.GetWatchId())
		}
	case *pb.WatchRequest_ProgressRequest:
		return w.tellProgress()
	}
	return nil // like etcd, ignore what is not known
}
