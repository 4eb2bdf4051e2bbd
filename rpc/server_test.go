package rpc_test

import (
	"context"
	"crypto/tls"
	"errors"
	"net/http"
	"testing"
	"time"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/types/known/durationpb"

	conclavev1 "github.com/conclavehq/conclave/proto/gen/conclave/v1"
	"github.com/conclavehq/conclave/proto/gen/conclave/v1/conclavev1connect"
)

// h2c is an HTTP/2 client without TLS, as gRPC needs it.
func h2c(t *testing.T) *http.Client {
	t.Helper()
	transport := &http.Transport{Protocols: new(http.Protocols), TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12}}
	transport.Protocols.SetUnencryptedHTTP2(true)
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport}
}

func within(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	return ctx
}

// One port answers every protocol.
func TestProtocols(t *testing.T) {
	s := newSite(t)
	for name, options := range map[string][]connect.ClientOption{
		"connect":  nil,
		"json":     {connect.WithProtoJSON()},
		"get":      {connect.WithHTTPGet()},
		"grpc":     {connect.WithGRPC()},
		"grpc-web": {connect.WithGRPCWeb()},
	} {
		t.Run(name, func(t *testing.T) {
			ctx := within(t)
			client := h2c(t)
			kv := conclavev1connect.NewKVServiceClient(client, s.url, options...)
			put, err := kv.Put(ctx, &conclavev1.PutRequest{Key: name, Value: &conclavev1.Value{Kind: &conclavev1.Value_Text{Text: "v"}}})
			if err != nil {
				t.Fatal(err)
			}
			got, err := kv.Get(ctx, &conclavev1.GetRequest{Key: name})
			if err != nil || got.GetKv().GetValue().GetText() != "v" {
				t.Fatalf("%v, %v", got, err)
			}

			watch := conclavev1connect.NewWatchServiceClient(client, s.url, options...)
			stream, err := watch.Watch(ctx, &conclavev1.WatchRequest{Span: &conclavev1.Span{Key: name}, StartRevision: put.GetRevision()})
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = stream.Close() }()
			for stream.Receive() && len(stream.Msg().GetEvents()) == 0 {
			}
			if stream.Err() != nil || stream.Msg().GetEvents()[0].GetKv().GetKey() != name {
				t.Fatalf("%v, %v", stream.Msg(), stream.Err())
			}

			_, err = kv.Get(ctx, &conclavev1.GetRequest{})
			if connect.CodeOf(err) != connect.CodeInvalidArgument || infoOf(err).GetReason() != conclavev1.ErrorReason_ERROR_REASON_INVALID_ARGUMENT {
				t.Errorf("no key: %v", err)
			}
			_, err = kv.Put(ctx, &conclavev1.PutRequest{Key: "large", Value: &conclavev1.Value{Kind: &conclavev1.Value_Bytes{Bytes: make([]byte, 5<<20)}}})
			if connect.CodeOf(err) != connect.CodeResourceExhausted {
				t.Errorf("a request of 5 MiB: %v", err)
			}
		})
	}
}

// infoOf is the detail of an error as a client has it.
func infoOf(err error) *conclavev1.ErrorInfo {
	var wire *connect.Error
	if errors.As(err, &wire) && len(wire.Details()) > 0 {
		if message, err := wire.Details()[0].Value(); err == nil {
			return message.(*conclavev1.ErrorInfo)
		}
	}
	return nil
}

// Drain ends streams and waits, so that Shutdown does not wait for them.
func TestDrain(t *testing.T) {
	s := newSite(t)
	ctx := within(t)
	client := h2c(t)
	leases := conclavev1connect.NewLeaseServiceClient(client, s.url)
	mutexes := conclavev1connect.NewMutexServiceClient(client, s.url)
	first := grant(t, leases)
	second := grant(t, leases)
	if _, err := mutexes.AcquireMutex(ctx, &conclavev1.AcquireMutexRequest{Name: "m", LeaseId: first}); err != nil {
		t.Fatal(err)
	}

	stream, err := leases.WatchLease(ctx, &conclavev1.WatchLeaseRequest{LeaseId: first})
	if err != nil || !stream.Receive() {
		t.Fatalf("%v, %v", err, stream.Err())
	}
	defer func() { _ = stream.Close() }()
	waited := make(chan error, 1)
	request := &conclavev1.AcquireMutexRequest{
		Name: "m", LeaseId: second, WaitForever: true,
		RequestId: &conclavev1.RequestId{Client: "c", Sequence: 1},
	}
	go func() {
		_, err := mutexes.AcquireMutex(ctx, request)
		waited <- err
	}()
	s.until("MutexService/GetMutex", `{"name":"m"}`, func(answer map[string]any) bool {
		return answer["mutex"].(map[string]any)["waiting"] == "1"
	})

	s.server.Drain()
	if stream.Receive() || infoOf(stream.Err()).GetReason() != conclavev1.ErrorReason_ERROR_REASON_SHUTTING_DOWN {
		t.Errorf("the stream ended with %v", stream.Err())
	}
	if err := <-waited; infoOf(err).GetReason() != conclavev1.ErrorReason_ERROR_REASON_SHUTTING_DOWN {
		t.Errorf("the wait ended with %v", err)
	}

	// Promise R4: the same request, sent to another server, finds its place.
	other := serve(t, s.node)
	go func() {
		_, err := conclavev1connect.NewMutexServiceClient(client, other.url).AcquireMutex(ctx, request)
		waited <- err
	}()
	if _, err := conclavev1connect.NewLeaseServiceClient(client, other.url).RevokeLease(ctx, &conclavev1.RevokeLeaseRequest{LeaseId: first}); err != nil {
		t.Fatal(err)
	}
	if err := <-waited; err != nil {
		t.Errorf("the same request on another server: %v", err)
	}
}

func grant(t *testing.T, leases conclavev1connect.LeaseServiceClient) int64 {
	t.Helper()
	lease, err := leases.GrantLease(within(t), &conclavev1.GrantLeaseRequest{Ttl: durationpb.New(time.Minute)})
	if err != nil {
		t.Fatal(err)
	}
	return lease.GetLeaseId()
}

// A wait does not end with the connection of the caller either, and the place
// can be left by its session.
func TestCancelWhileWaiting(t *testing.T) {
	s := newSite(t)
	ctx := within(t)
	mutexes := conclavev1connect.NewMutexServiceClient(s.client, s.url)
	leases := conclavev1connect.NewLeaseServiceClient(s.client, s.url)
	first, second := grant(t, leases), grant(t, leases)
	if _, err := mutexes.AcquireMutex(ctx, &conclavev1.AcquireMutexRequest{Name: "m", LeaseId: first}); err != nil {
		t.Fatal(err)
	}
	gone, leave := context.WithCancel(ctx)
	waited := make(chan error, 1)
	wait := func(ctx context.Context) {
		_, err := mutexes.AcquireMutex(ctx, &conclavev1.AcquireMutexRequest{
			Name: "m", LeaseId: second, WaitForever: true, RequestId: &conclavev1.RequestId{Client: "c", Sequence: 1},
		})
		waited <- err
	}
	go wait(gone)
	inLine := func(answer map[string]any) bool { return answer["mutex"].(map[string]any)["waiting"] == "1" }
	s.until("MutexService/GetMutex", `{"name":"m"}`, inLine)
	leave()
	<-waited
	if !inLine(s.ok("MutexService/GetMutex", `{"name":"m"}`)) {
		t.Error("the place in line went with the connection")
	}
	go wait(ctx)
	if _, err := mutexes.CancelAcquire(ctx, &conclavev1.CancelAcquireRequest{Name: "m", LeaseId: second}); err != nil {
		t.Fatal(err)
	}
	if err := <-waited; infoOf(err).GetReason() != conclavev1.ErrorReason_ERROR_REASON_WAIT_CANCELED {
		t.Errorf("canceled: %v", err)
	}
}
