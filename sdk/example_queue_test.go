package conclave_test

import (
	"context"
	"fmt"
	"log"

	conclave "github.com/conclavehq/conclave/sdk"
)

// Jobs takes one job after the other. What a lost worker had in its hands is
// handed to the next one at once.
func ExampleWorker_Jobs() {
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

	emails := c.Queue("example/emails")
	if _, err := emails.Enqueue(ctx, []byte("newsletter")); err != nil {
		log.Fatal(err)
	}
	if _, err := emails.Enqueue(ctx, []byte("password reset"), conclave.WithPriority(1)); err != nil {
		log.Fatal(err)
	}

	sent := 0
	for job, err := range s.Queue("example/emails").Jobs(ctx) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Printf("attempt %d: %s\n", job.Attempt, job.Body)
		if err := job.Ack(ctx); err != nil {
			log.Fatal(err)
		}
		if sent++; sent == 2 {
			break
		}
	}
	// Output:
	// attempt 1: password reset
	// attempt 1: newsletter
}
