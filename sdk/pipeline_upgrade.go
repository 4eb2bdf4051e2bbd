package conclave

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"math"
	"net"
	"net/http"
	"net/url"

	"github.com/conclavehq/conclave/internal/wire"
	conclavev1 "github.com/conclavehq/conclave/proto/gen/conclave/v1"
	"github.com/conclavehq/conclave/proto/gen/conclave/v1/conclavev1connect"
)

// carrier is what messages of a pipeline pass over: a stream of Connect, or a
// connection of its own. One goroutine sends and one receives at a time.
type carrier interface {
	Send(*conclavev1.PipelineRequest) error
	Receive() (*conclavev1.PipelineResponse, error)
	// end makes who sends or receives stop. The carrier's context ended before.
	end()
	// close is called when nobody does any more.
	close()
}

// errNotUpgraded says that what answers there does not let a pipeline have the
// connection: it may be a proxy, or older than that.
var errNotUpgraded = errors.New("the connection is not upgraded")

// openCarrier connects: to a connection of its own if that works, because HTTP/2
// costs a tenth to a quarter of the calls a second; else to a stream.
func (p *pipeline) openCarrier(ctx context.Context) (carrier, error) {
	if p.upgrade != nil {
		conn, err := p.upgrade(ctx)
		if err == nil {
			return upgraded{conn}, nil
		}
		if !errors.Is(err, errNotUpgraded) {
			return nil, err
		}
	}
	stream, err := p.client.Pipeline(ctx)
	if err == nil {
		err = stream.Send(nil) // the headers alone
	}
	return streamed{stream}, err
}

// streamed is a stream of Connect.
type streamed struct{ *pipelineStream }

func (s streamed) end()   { _ = s.CloseRequest() } // else the transport does not notice that its context ended
func (s streamed) close() { _ = s.CloseResponse() }

// upgraded is a connection of its own.
type upgraded struct{ conn *wire.Conn }

// Send sends a message. If it cannot, what came before can still be received.
func (u upgraded) Send(request *conclavev1.PipelineRequest) error { return u.conn.Send(request) }

// Receive waits for a message.
func (u upgraded) Receive() (*conclavev1.PipelineResponse, error) {
	response := &conclavev1.PipelineResponse{}
	if err := u.conn.Receive(response); err != nil {
		return nil, err
	}
	if response.GetEnded() != nil {
		return nil, wireError(response.GetEnded())
	}
	return response, nil
}

func (u upgraded) end()   { _ = u.conn.Close() }
func (u upgraded) close() {}

// upgrade connects to a node and takes the connection over. Failures to connect,
// timeouts and that the node takes no more connections are told as they are;
// anything else that comes instead of consent is errNotUpgraded.
func (c *connections) upgrade(ctx context.Context, endpoint string) (*wire.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, c.dialTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, endpoint+conclavev1connect.PipelineServicePipelineProcedure, http.NoBody)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Connection", "Upgrade")
	req.Header.Set("Upgrade", wire.Protocol)
	conn, err := c.connect(ctx, req.URL)
	if err != nil {
		return nil, err
	}
	hurry := context.AfterFunc(ctx, func() { _ = conn.Close() })
	in, err := askToUpgrade(conn, req)
	if !hurry() {
		return nil, ctx.Err()
	}
	if err != nil {
		_ = conn.Close()
		return nil, err
	}
	return wire.NewConn(conn, in, maxResponseBytes, pingAfter+pingWait), nil
}

// connect opens a connection to a node.
func (c *connections) connect(ctx context.Context, u *url.URL) (net.Conn, error) {
	port := u.Port()
	if port == "" {
		port = u.Scheme // its name stands for the number
	}
	conn, err := c.dialer.DialContext(ctx, "tcp", net.JoinHostPort(u.Hostname(), port))
	if err != nil || u.Scheme != "https" {
		return conn, err
	}
	cfg := &tls.Config{}
	if c.tls != nil {
		cfg = c.tls.Clone()
	}
	if cfg.ServerName == "" {
		cfg.ServerName = u.Hostname()
	}
	cfg.NextProtos = []string{"http/1.1"}
	secure := tls.Client(conn, cfg)
	err = secure.HandshakeContext(ctx)
	if err == nil {
		return secure, nil
	}
	_ = conn.Close()
	if _, ok := errors.AsType[*tls.CertificateVerificationError](err); !ok && ctx.Err() == nil {
		err = errNotUpgraded // the other way tells what is wrong
	}
	return nil, err
}

// maxUpgradeBytes bounds the answer to the request for an upgrade.
const maxUpgradeBytes = 64 << 10

func askToUpgrade(conn net.Conn, req *http.Request) (*bufio.Reader, error) {
	unsent := req.Write(conn) // who is turned away may be told why all the same
	limited := &io.LimitedReader{R: conn, N: maxUpgradeBytes}
	in := bufio.NewReader(limited)
	res, err := http.ReadResponse(in, req)
	if err != nil {
		return nil, errNotUpgraded
	}
	if e := turnedAway(res); e != nil {
		return nil, e
	}
	if unsent != nil || res.StatusCode != http.StatusSwitchingProtocols || res.Header.Get("Upgrade") != wire.Protocol {
		return nil, errNotUpgraded // the connection ends, and with it the body
	}
	limited.N = math.MaxInt64
	return in, nil
}
