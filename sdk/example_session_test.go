package conclave_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"time"

	conclave "github.com/conclavehq/conclave/sdk"
)

// A session renews itself until it is closed. Keys can live as long as it.
func ExampleClient_NewSession() {
	ctx := context.Background()
	c, err := conclave.Dial(ctx, endpoints)
	if err != nil {
		log.Fatal(err)
	}
	defer c.Close()
	s, err := c.NewSession(ctx, conclave.WithTTL(5*time.Second), conclave.WithIdentity("worker-7"))
	if err != nil {
		log.Fatal(err)
	}
	if _, err := c.Put(ctx, "example/alive/worker-7", "yes", conclave.WithLease(s.ID())); err != nil {
		log.Fatal(err)
	}

	if err := s.Close(ctx); err != nil {
		log.Fatal(err)
	}
	_, err = c.Get(ctx, "example/alive/worker-7")
	fmt.Println("gone with its session:", errors.Is(err, conclave.ErrKeyNotFound))
	fmt.Println("the session's context:", context.Cause(s.Context()))
	// Output:
	// gone with its session: true
	// the session's context: the session is closed
}
