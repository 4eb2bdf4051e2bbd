package conclave_test

import (
	"context"
	"fmt"
	"log"

	conclave "github.com/conclavehq/conclave/sdk"
)

// A transaction can finish a job, write what it led to and enqueue what comes
// next in one commit: then a job takes effect once, however often it is tried.
func ExampleJob_OpAck() {
	ctx := context.Background()
	c, err := conclave.Dial(ctx, endpoints)
	if err != nil {
		log.Fatal(err)
	}
	defer c.Close()
	s, err := c.NewSession(ctx)
	if err != nil {
		log.Fatal(err)
	}
	defer s.Close(ctx)
	if _, err := c.Queue("example/orders").Enqueue(ctx, []byte("order 7")); err != nil {
		log.Fatal(err)
	}

	jobs, err := s.Queue("example/orders").Claim(ctx, 1)
	if err != nil {
		log.Fatal(err)
	}
	_, err = c.Txn().Then(
		conclave.OpPut("example/orders/7", "paid"),
		conclave.OpEnqueue("example/parcels", []byte("pack order 7")),
		jobs[0].OpAck(),
	).Commit(ctx)
	if err != nil {
		log.Fatal(err)
	}
	parcels, err := s.Queue("example/parcels").Claim(ctx, 1)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%s\n", parcels[0].Body)
	if err := parcels[0].Ack(ctx); err != nil {
		log.Fatal(err)
	}
	// Output: pack order 7
}
