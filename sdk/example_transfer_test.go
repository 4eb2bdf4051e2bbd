package conclave_test

import (
	"context"
	"fmt"
	"log"

	conclave "github.com/conclavehq/conclave/sdk"
)

// A program moves keys from another store, here a list, into a namespace of its own.
// They keep their revisions, and a watch can begin after the one of the copy.
func ExampleClient_ImportKeys() {
	ctx := context.Background()
	c, err := conclave.Dial(ctx, endpoints, conclave.WithNamespace("example-moved"))
	if err != nil {
		log.Fatal(err)
	}
	defer c.Close()
	if _, err := c.CreateNamespace(ctx, "example-moved"); err != nil {
		log.Fatal(err)
	}
	defer c.DeleteNamespace(ctx, "example-moved")

	keys := []conclave.KV{
		{Key: "currency", Value: []byte("EUR"), Created: 17, Modified: 17, Version: 1},
		{Key: "rate", Value: []byte("1.08"), Created: 20, Modified: 41, Version: 22},
	}
	status, err := c.ImportStatus(ctx)
	if err != nil {
		log.Fatal(err)
	}
	_, err = c.ImportKeys(ctx, conclave.ImportBatch{
		Source:   "the old store",
		Expected: status.Revision,
		Part:     &conclave.ImportPart{Revision: 41, First: true, Last: true, Keys: keys},
	})
	if err != nil {
		log.Fatal(err)
	}

	rate, err := c.Get(ctx, "rate")
	if err != nil {
		log.Fatal(err)
	}
	next, err := c.Put(ctx, "rate", "1.09")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(rate, "is of revision", rate.Modified, "and the next one is", next)
	// Output:
	// 1.08 is of revision 41 and the next one is 42
}
