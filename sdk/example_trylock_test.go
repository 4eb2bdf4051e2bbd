package conclave_test

import (
	"context"
	"errors"
	"fmt"
	"log"

	conclave "github.com/conclavehq/conclave/sdk"
)

// TryLock does not wait. Its error says who holds the mutex, and for what.
func ExampleMutex_TryLock() {
	ctx := context.Background()
	c, err := conclave.Dial(ctx, endpoints)
	if err != nil {
		log.Fatal(err)
	}
	defer c.Close()
	ann, err := c.NewSession(ctx, conclave.WithIdentity("ann"), conclave.WithPurpose("migration"))
	if err != nil {
		log.Fatal(err)
	}
	defer ann.Close(ctx)
	bob, err := c.NewSession(ctx, conclave.WithIdentity("bob"))
	if err != nil {
		log.Fatal(err)
	}
	defer bob.Close(ctx)

	if _, err := ann.Mutex("example/schema").Lock(ctx); err != nil {
		log.Fatal(err)
	}
	_, err = bob.Mutex("example/schema").TryLock(ctx)
	if held, ok := errors.AsType[*conclave.Error](err); ok && errors.Is(err, conclave.ErrHeld) {
		fmt.Printf("%s holds it for its %s\n", held.Holder.Identity, held.Holder.Purpose)
	}
	// Output: ann holds it for its migration
}
