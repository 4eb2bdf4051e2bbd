package conclave_test

import (
	"context"
	"fmt"
	"log"

	conclave "github.com/conclavehq/conclave/sdk"
)

// Observe tells who leads now, and then each change.
func ExampleElection_Observe() {
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
	term, err := s.Election("example/primary").Campaign(ctx, "db-1")
	if err != nil {
		log.Fatal(err)
	}

	for leader, err := range c.Election("example/primary").Observe(ctx) {
		if err != nil {
			log.Fatal(err)
		}
		if leader.Term == 0 {
			fmt.Println("nobody leads")
			break
		}
		fmt.Printf("%s leads\n", leader.Value)
		if err := term.Resign(ctx); err != nil {
			log.Fatal(err)
		}
	}
	// Output:
	// db-1 leads
	// nobody leads
}
