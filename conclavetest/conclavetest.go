// Package conclavetest runs a real Conclave node for a test: in a temporary
// directory, on a free port, ended with the test. Its clock can be moved forward,
// so that a test of what happens when a lease ends does not wait for it.
//
//	srv := conclavetest.Start(t)
//	c := srv.Client(t)
//	...
//	srv.Advance(11 * time.Second) // every lease of 10 s that nobody renewed is over
package conclavetest

import (
	"context"
	"testing"
	"time"

	"github.com/conclavehq/conclave/embed"
	conclave "github.com/conclavehq/conclave/sdk"
)

// startTimeout is how long a node may take to start on a busy machine.
const startTimeout = time.Minute

// Server is a node that lives as long as its test.
type Server struct {
	node *embed.Node
}

// Start runs a node. The test fails if it does not start, and ends it.
func Start(t testing.TB) *Server {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
	defer cancel()
	node, err := embed.Start(ctx, embed.Config{Dir: t.TempDir()})
	if err != nil {
		t.Fatalf("conclavetest: %v", err)
	}
	t.Cleanup(func() {
		if err := node.Stop(); err != nil {
			t.Errorf("conclavetest: stopping the node: %v", err)
		}
	})
	return &Server{node: node}
}

// Endpoints are the URLs for conclave.Dial and for `conclave --endpoints`.
func (s *Server) Endpoints() []string { return s.node.Endpoints() }

// Client dials the node; the client is closed with the test.
func (s *Server) Client(t testing.TB, opts ...conclave.Option) *conclave.Client {
	t.Helper()
	c, err := conclave.Dial(context.Background(), s.Endpoints(), opts...)
	if err != nil {
		t.Fatalf("conclavetest: %v", err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// Advance moves the server's log clock forward by d, as if that time had passed
// for it: leases that were not renewed end, delayed jobs become ready, wait
// bounds pass. Clients keep their own time, so a session of this process that
// should survive must renew in between, and one that should be lost is lost at
// the server first.
func (s *Server) Advance(d time.Duration) { s.node.AdvanceClock(d) }
