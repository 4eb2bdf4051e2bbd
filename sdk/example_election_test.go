package conclave_test

import (
	"context"
	"fmt"
	"log"

	conclave "github.com/conclavehq/conclave/sdk"
)

// Lead waits to lead, runs a function while it does, and resigns when the
// function returns.
func ExampleCandidacy_Lead() {
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

	err = s.Election("example/scheduler").Lead(ctx, "10.0.0.7:80", func(ctx context.Context, t *conclave.Term) error {
		leader, err := c.Election("example/scheduler").Leader(ctx)
		if err != nil {
			return err
		}
		fmt.Printf("%s leads; it is this term: %t\n", leader.Value, leader.Term == t.Number())

		// Only the leader of this term may write the plan.
		_, err = c.Put(ctx, "example/scheduler/plan", "at noon", t.Guard())
		return err
	})
	fmt.Println("resigned:", err)
	// Output:
	// 10.0.0.7:80 leads; it is this term: true
	// resigned: <nil>
}
