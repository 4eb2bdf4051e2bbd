package rpc_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"connectrpc.com/connect"

	"github.com/conclavehq/conclave/internal/wire"
	conclavev1 "github.com/conclavehq/conclave/proto/gen/conclave/v1"
	"github.com/conclavehq/conclave/proto/gen/conclave/v1/conclavev1connect"
)

// connection is a connection that a pipeline has taken over.
type connection struct {
	net.Conn
	wire *wire.Conn
}

func (c *connection) Send(request *conclavev1.PipelineRequest) error { return c.wire.Send(request) }

// Receive makes what the node says about the end the error that it is on a stream.
func (c *connection) Receive() (*conclavev1.PipelineResponse, error) {
	response := &conclavev1.PipelineResponse{}
	if err := c.wire.Receive(response); err != nil {
		return nil, err
	}
	ended := response.GetEnded()
	if ended == nil {
		return response, nil
	}
	err := connect.NewWireError(connect.Code(ended.GetCode()), errors.New(ended.GetMessage()))
	detail, _ := connect.NewErrorDetail(ended.GetInfo())
	err.AddDetail(detail)
	return nil, err
}

func (c *connection) CloseRequest() error  { return c.Conn.(*net.TCPConn).CloseWrite() }
func (c *connection) CloseResponse() error { return c.Conn.Close() }

// connect opens a connection with some first words.
func (s *site) connect(words string) net.Conn {
	s.t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(s.url, "http://"))
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { _ = conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		s.t.Fatal(err)
	}
	if _, err := io.WriteString(conn, words); err != nil {
		s.t.Fatal(err)
	}
	return conn
}

// ask sends words that ask for the upgrade, and has the answer.
func (s *site) ask(words string) (net.Conn, *bufio.Reader, *http.Response) {
	s.t.Helper()
	conn := s.connect(words)
	in := bufio.NewReader(conn)
	res, err := http.ReadResponse(in, nil)
	if err != nil {
		s.t.Fatal(err)
	}
	return conn, in, res
}

// words ask for an upgrade with some headers.
func words(method, version string, headers ...string) string {
	return method + " " + conclavev1connect.PipelineServicePipelineProcedure + " " + version + "\r\nHost: conclave\r\n" +
		strings.Join(append(headers, "\r\n"), "\r\n")
}

var upgradeWords = words("GET", "HTTP/1.1", "Connection: Upgrade", "Upgrade: conclave-pipeline")

// upgraded is pipe over a connection of its own.
func (s *site) upgraded() *pipe {
	s.t.Helper()
	conn, in, res := s.ask(upgradeWords)
	if res.StatusCode != http.StatusSwitchingProtocols || res.Header.Get("Connection") != "Upgrade" ||
		res.Header.Get("Upgrade") != "conclave-pipeline" {
		s.t.Fatalf("the node answers %s with %v", res.Status, res.Header)
	}
	c := &connection{conn, wire.NewConn(conn, in, 64<<20, patience)}
	if greeting, err := c.Receive(); err != nil || len(greeting.GetReplies()) > 0 {
		s.t.Fatalf("the greeting is %v, %v", greeting, err)
	}
	return &pipe{t: s.t, stream: c, replies: map[uint64]*conclavev1.Reply{}}
}

// A request without calls gets an answer without replies, also while calls wait.
func TestPipelineReassures(t *testing.T) {
	overBoth(t, func(t *testing.T, open func(*site) *pipe) {
		s := newSite(t)
		p := open(s)
		empty := func() {
			t.Helper()
			p.send()
			if response, err := p.stream.Receive(); err != nil || len(response.GetReplies()) > 0 {
				t.Errorf("an empty message is answered with %v, %v", response, err)
			}
		}
		empty()
		leases := conclavev1connect.NewLeaseServiceClient(h2c(t), s.url)
		p.send(acquire(1, &conclavev1.AcquireMutexRequest{Name: "m", LeaseId: grant(t, leases)}))
		p.ok(1, &conclavev1.AcquireMutexResponse{})
		p.send(acquire(2, &conclavev1.AcquireMutexRequest{Name: "m", LeaseId: grant(t, leases), WaitForever: true}))
		for range 3 {
			empty()
		}
		p.send(put(3, "a"))
		p.ok(3, &conclavev1.PutResponse{})
	})
}

// A message that is too large ends the stream, and the caller is told why.
func TestPipelineTooLarge(t *testing.T) {
	for name, calls := range map[string][]*conclavev1.Call{
		"bytes": {{CallId: 2, Request: make([]byte, 8<<20)}},
		"calls": slices.Repeat([]*conclavev1.Call{{CallId: 2}}, 16<<10+1),
	} {
		t.Run(name, func(t *testing.T) {
			overBoth(t, func(t *testing.T, open func(*site) *pipe) { tooLarge(t, newSite(t), open, calls) })
		})
	}
}

func tooLarge(t *testing.T, s *site, open func(*site) *pipe, calls []*conclavev1.Call) {
	p := open(s)
	p.send(put(1, "a"))
	p.ok(1, &conclavev1.PutResponse{})
	sent := make(chan struct{})
	go func() { // the node may end the stream before it is all sent
		defer close(sent)
		_ = p.stream.Send(&conclavev1.PipelineRequest{Calls: calls})
	}()
	_, err := p.stream.Receive()
	// Connect itself refuses what is too large for it, and has no reason of ours.
	if _, own := p.stream.(*connection); infoOf(err).GetReason() != conclavev1.ErrorReason_ERROR_REASON_TOO_LARGE &&
		(own || connect.CodeOf(err) != connect.CodeResourceExhausted) {
		t.Errorf("it ended with %v", err)
	}
	_ = p.stream.CloseResponse()
	<-sent
	s.deserted()
}

// deserted waits until no stream is open any more.
func (s *site) deserted() {
	s.t.Helper()
	deadline := time.Now().Add(patience)
	for s.gauge("conclave_rpc_open_streams") > 0 {
		if time.Now().After(deadline) {
			s.t.Fatal("a stream is still there")
		}
	}
}

// What is no message ends the connection, and so does half of one.
func TestPipelineBrokenBytes(t *testing.T) {
	s := newSite(t)
	for name, data := range map[string][]byte{
		"flags":         {7, 0, 0, 0, 0},
		"no message":    {0, 0, 0, 0, 3, 0xff, 0xff, 0xff},
		"another HTTP":  []byte("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
		"cut in a head": {0, 0},
		"cut in a body": append(binary.BigEndian.AppendUint32([]byte{0}, 1000), "half"...),
	} {
		t.Run(name, func(t *testing.T) {
			p := s.upgraded()
			p.send(put(1, "a"))
			p.ok(1, &conclavev1.PutResponse{})
			conn := p.stream.(*connection)
			if _, err := conn.Write(data); err != nil {
				t.Fatal(err)
			}
			if strings.HasPrefix(name, "cut") {
				_ = conn.CloseRequest()
			}
			if response, err := conn.Receive(); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
				t.Errorf("%v, %v", response, err)
			}
			s.deserted()
		})
	}
}

// Only what asks for exactly this upgrade gets it; all else is for Connect.
func TestPipelineUpgradeRefused(t *testing.T) {
	s := newSite(t)
	const upgrade, name = "Connection: Upgrade", "Upgrade: conclave-pipeline"
	for what, words := range map[string]string{
		"another name":      words("GET", "HTTP/1.1", upgrade, "Upgrade: websocket"),
		"no name":           words("GET", "HTTP/1.1", upgrade),
		"POST":              words("POST", "HTTP/1.1", upgrade, name, "Content-Length: 0"),
		"HTTP/1.0":          words("GET", "HTTP/1.0", upgrade, name),
		"a proxy's remnant": words("GET", "HTTP/1.1", name),
		"another path": strings.Replace(upgradeWords, conclavev1connect.PipelineServicePipelineProcedure,
			conclavev1connect.PipelineServiceWatchManyProcedure, 1),
	} {
		if _, _, res := s.ask(words); res.StatusCode < 400 {
			t.Errorf("%s: %s", what, res.Status)
		}
	}
	if _, _, res := s.ask(words("GET", "HTTP/1.1", "Connection: keep-alive, upgrade", "Upgrade: Conclave-Pipeline")); res.StatusCode != http.StatusSwitchingProtocols {
		t.Errorf("a list of options: %s", res.Status)
	}
	req, err := http.NewRequestWithContext(within(t), http.MethodGet, s.url+conclavev1connect.PipelineServicePipelineProcedure, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	// HTTP/2 has no such headers; this one it lets through.
	req.Header.Set("Te", "trailers")
	res, err := h2c(t).Do(req)
	if err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close()
	if res.ProtoMajor != 2 || res.StatusCode < 400 {
		t.Errorf("over %s: %s", res.Proto, res.Status)
	}
}

// Calls may come with the words that ask for the upgrade.
func TestPipelineUpgradeAtOnce(t *testing.T) {
	s := newSite(t)
	var data bytes.Buffer
	data.WriteString(upgradeWords)
	for id := range uint64(100) {
		message, err := (&conclavev1.PipelineRequest{Calls: []*conclavev1.Call{put(id, strings.Repeat("k", 100))}}).MarshalVT()
		if err != nil {
			t.Fatal(err)
		}
		data.WriteByte(0)
		data.Write(binary.BigEndian.AppendUint32(nil, uint32(len(message))))
		data.Write(message)
	}
	conn, in, res := s.ask(data.String())
	if res.StatusCode != http.StatusSwitchingProtocols {
		t.Fatal(res.Status)
	}
	p := &pipe{t: t, stream: &connection{conn, wire.NewConn(conn, in, 64<<20, patience)}, replies: map[uint64]*conclavev1.Reply{}}
	for id := range uint64(100) {
		p.ok(id, &conclavev1.PutResponse{})
	}
}

// After Drain, Shutdown waits until the callers know what they may know.
func TestShutdownWaits(t *testing.T) {
	s := newSite(t)
	leases := conclavev1connect.NewLeaseServiceClient(h2c(t), s.url)
	holder := grant(t, leases)
	var lines []*pipe
	for n := range 8 {
		p := s.upgraded()
		if p.send(acquire(1, &conclavev1.AcquireMutexRequest{Name: "m", LeaseId: holder})); n == 0 {
			p.ok(1, &conclavev1.AcquireMutexResponse{})
		}
		p.send(put(2, fmt.Sprint(n)))
		p.ok(2, &conclavev1.PutResponse{})
		p.send(acquire(3, &conclavev1.AcquireMutexRequest{Name: "m", LeaseId: grant(t, leases), WaitForever: true}))
		lines = append(lines, p)
	}
	s.until("MutexService/GetMutex", `{"name":"m"}`, func(answer map[string]any) bool {
		return answer["mutex"].(map[string]any)["waiting"] == fmt.Sprint(len(lines))
	})
	s.server.Drain()
	down := make(chan error, 1)
	go func() { down <- s.server.Shutdown(within(t)) }()
	var callers sync.WaitGroup
	for _, p := range lines {
		callers.Go(func() {
			p.refused(3, connect.CodeUnavailable, conclavev1.ErrorReason_ERROR_REASON_SHUTTING_DOWN)
			if _, err := p.stream.Receive(); infoOf(err).GetReason() != conclavev1.ErrorReason_ERROR_REASON_SHUTTING_DOWN {
				t.Errorf("the connection ended with %v", err)
			}
			if _, err := p.stream.Receive(); !errors.Is(err, io.EOF) {
				t.Errorf("after the end: %v", err)
			}
			_ = p.stream.CloseResponse()
		})
	}
	callers.Wait()
	if err := <-down; err != nil {
		t.Error(err)
	}
	if n := s.gauge("conclave_rpc_open_streams"); n != 0 {
		t.Errorf("%v streams are open", n)
	}
}

// Who comes after Drain is not greeted, so that it sends no calls of which it would
// not know what became of them.
func TestPipelineAfterDrain(t *testing.T) {
	s := newSite(t)
	s.server.Drain()
	conn, in, _ := s.ask(upgradeWords)
	stream, err := conclavev1connect.NewPipelineServiceClient(h2c(t), s.url).Pipeline(within(t))
	if err == nil {
		err = stream.Send(nil)
	}
	if err != nil {
		t.Fatal(err)
	}
	for name, line := range map[string]line{"stream": stream, "connection": &connection{conn, wire.NewConn(conn, in, 64<<20, patience)}} {
		response, err := line.Receive()
		if infoOf(err).GetReason() != conclavev1.ErrorReason_ERROR_REASON_SHUTTING_DOWN {
			t.Errorf("the first message of the %s is %v, %v", name, response, err)
		}
		_ = line.CloseRequest()
		_ = line.CloseResponse()
	}
}

// A caller that reads nothing holds Shutdown up for no longer than its context.
func TestShutdownIsBounded(t *testing.T) {
	s := newSite(t)
	large := &conclavev1.PutRequest{Key: "large", Value: &conclavev1.Value{Kind: &conclavev1.Value_Bytes{Bytes: make([]byte, 1<<20)}}}
	if _, err := conclavev1connect.NewKVServiceClient(h2c(t), s.url).Put(within(t), large); err != nil {
		t.Fatal(err)
	}
	p := s.upgraded()
	for id := range uint64(40) { // MiB
		p.send(call(id, conclavev1.Procedure_PROCEDURE_KV_GET, &conclavev1.GetRequest{Key: "large"}))
	}
	p.reply(0)
	s.server.Drain()
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	began := time.Now()
	if err := s.server.Shutdown(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Shutdown: %v", err)
	}
	if took := time.Since(began); took > 15*time.Second {
		t.Errorf("it took %v", took)
	}
	if n := s.gauge("conclave_rpc_open_streams"); n != 0 {
		t.Errorf("%v streams are open", n)
	}
	// Who comes now is sent away at once.
	late := s.connect(upgradeWords)
	if _, err := io.Copy(io.Discard, late); errors.Is(err, os.ErrDeadlineExceeded) {
		t.Error("a connection after the end stays")
	}
}
