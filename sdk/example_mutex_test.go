package conclave_test

import (
	"context"
	"fmt"
	"log"

	conclave "github.com/conclavehq/conclave/sdk"
)

// Do holds a mutex while a function runs. The function's context ends before
// anybody else can hold it; the token lets a store refuse what comes too late.
func ExampleMutex_Do() {
	ctx := context.Background()
	c, err := conclave.Dial(ctx, endpoints)
	if err != nil {
		log.Fatal(err)
	}
	defer c.Close()
	s, err := c.NewSession(ctx, conclave.WithIdentity("worker-7"))
	if err != nil {
		log.Fatal(err)
	}
	defer s.Close(ctx)

	var last conclave.Token
	for range 2 {
		err = s.Mutex("example/invoice/42").Do(ctx, func(ctx context.Context, h *conclave.Hold) error {
			fmt.Println("the token grows:", h.Token() > last)
			last = h.Token()
			return ctx.Err()
		})
		if err != nil {
			log.Fatal(err)
		}
	}
	// Output:
	// the token grows: true
	// the token grows: true
}
