package main

import (
	"context"
	"fmt"
	"log"
	"net"
	"net/http"
	"time"

	"github.com/conclavehq/conclave/examples/internal/cluster"
	conclave "github.com/conclavehq/conclave/sdk"
)

// grace is how long clients have to hear that an instance drains.
const grace = 300 * time.Millisecond

// instance is one running copy of the service.
type instance struct {
	id     string
	client *conclave.Client
	ttl    time.Duration
	drains <-chan time.Time // when to leave
	dies   <-chan time.Time // when to leave without a word
	out    *log.Logger
}

// run serves, and keeps itself registered, until it drains or dies. When its
// session is lost, because it was cut off for longer than its TTL, it registers
// again under a new one.
func (in *instance) run(ctx context.Context) error {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	server := &http.Server{ReadHeaderTimeout: time.Second, Handler: http.HandlerFunc(
		func(w http.ResponseWriter, _ *http.Request) { _, _ = fmt.Fprintf(w, "hello from %s", in.id) })}
	go func() { _ = server.Serve(listener) }() // until Close or Shutdown
	defer func() { _ = server.Close() }()

	for {
		session, err := in.client.NewSession(ctx, conclave.WithTTL(in.ttl), conclave.WithIdentity(in.id))
		if err != nil {
			return err
		}
		entry, err := session.Register(ctx, conclave.Instance{
			Service: service, ID: in.id, Address: listener.Addr().String(),
		})
		if err != nil {
			cluster.Close(ctx, session)
			return err
		}
		select {
		case <-session.Context().Done():
			in.out.Printf("%s registers again: %v", in.id, context.Cause(session.Context()))
		case <-in.dies:
			session.Detach() // nobody renews or revokes it, as after kill -9
			in.out.Printf("%s dies", in.id)
			return nil
		case <-in.drains:
			return in.leave(ctx, session, entry, server)
		case <-ctx.Done():
			return in.leave(context.WithoutCancel(ctx), session, entry, server)
		}
	}
}

// leave goes without a failed call: clients first stop beginning new ones, then
// those under way end, then the instance is gone from the registry.
func (in *instance) leave(ctx context.Context, s *conclave.Session, entry *conclave.Registration, server *http.Server) error {
	ctx, cancel := context.WithTimeout(ctx, in.ttl)
	defer cancel()
	defer cluster.Close(ctx, s) // ends the registration too
	in.out.Printf("%s drains", in.id)
	if err := entry.Drain(ctx); err != nil {
		return err
	}
	<-time.After(grace)
	return server.Shutdown(ctx)
}
