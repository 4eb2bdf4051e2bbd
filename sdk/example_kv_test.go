package conclave_test

import (
	"context"
	"errors"
	"fmt"
	"log"

	conclave "github.com/conclavehq/conclave/sdk"
)

// Keys have versions: what was written once can be read until it is compacted.
func ExampleClient_Get() {
	ctx := context.Background()
	c, err := conclave.Dial(ctx, endpoints)
	if err != nil {
		log.Fatal(err)
	}
	defer c.Close()
	defer c.Delete(ctx, "example/greeting")

	first, err := c.Put(ctx, "example/greeting", "hello")
	if err != nil {
		log.Fatal(err)
	}
	if _, err := c.Put(ctx, "example/greeting", "hello, world"); err != nil {
		log.Fatal(err)
	}
	kv, err := c.Get(ctx, "example/greeting")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(kv, "is version", kv.Version)
	if kv, err = c.Get(ctx, "example/greeting", conclave.AtRevision(first)); err != nil {
		log.Fatal(err)
	}
	fmt.Println(kv, "is version", kv.Version)

	_, err = c.Get(ctx, "example/farewell")
	fmt.Println(err, errors.Is(err, conclave.ErrKeyNotFound))
	// Output:
	// hello, world is version 2
	// hello is version 1
	// get "example/farewell": there is no such key true
}
