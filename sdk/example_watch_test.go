package conclave_test

import (
	"context"
	"fmt"
	"log"

	conclave "github.com/conclavehq/conclave/sdk"
)

// To follow a configuration without a gap, read it and watch from the revision
// after the read.
func ExampleClient_Watch() {
	ctx := context.Background()
	c, err := conclave.Dial(ctx, endpoints)
	if err != nil {
		log.Fatal(err)
	}
	defer c.Close()
	if _, err := c.Put(ctx, "example/cfg/color", "red"); err != nil {
		log.Fatal(err)
	}

	now, err := c.Range(ctx, "example/cfg/", conclave.WithPrefix())
	if err != nil {
		log.Fatal(err)
	}
	for _, kv := range now.KVs {
		fmt.Println(kv.Key, "is", kv)
	}
	if _, err := c.Put(ctx, "example/cfg/color", "blue"); err != nil {
		log.Fatal(err)
	}
	for event, err := range c.Watch(ctx, "example/cfg/", conclave.WithPrefix(), conclave.FromRevision(now.Revision+1)) {
		if err != nil {
			log.Fatal(err) // ErrCompacted: begin again with a read
		}
		fmt.Println(event.KV.Key, "becomes", event.KV)
		break
	}
	// Output:
	// example/cfg/color is red
	// example/cfg/color becomes blue
}
