package conclave_test

import (
	"context"
	"errors"
	"fmt"
	"log"

	conclave "github.com/conclavehq/conclave/sdk"
)

// A guard makes the service refuse the writes of a holder that has lost its
// hold, whatever the holder itself believes.
func ExampleHold_Guard() {
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
	hold, err := s.Mutex("example/ledger").Lock(ctx)
	if err != nil {
		log.Fatal(err)
	}

	_, err = c.Put(ctx, "example/ledger/balance", "100", hold.Guard())
	fmt.Println("while it is held:", err)

	if _, err := c.BreakMutex(ctx, "example/ledger", "it hangs", "ann"); err != nil {
		log.Fatal(err)
	}
	_, err = c.Put(ctx, "example/ledger/balance", "0", hold.Guard())
	fmt.Println("after it was broken:", errors.Is(err, conclave.ErrGuardFailed))

	<-hold.Context().Done()
	fmt.Println("the holder learns:", context.Cause(hold.Context()))
	// Output:
	// while it is held: <nil>
	// after it was broken: true
	// the holder learns: broken by ann, because: it hangs
}
