package conclave_test

import (
	"context"
	"fmt"
	"log"

	conclave "github.com/conclavehq/conclave/sdk"
)

// A transaction compares and writes in one commit. Here two programs create the
// same key; the second one gets what the first one wrote.
func ExampleClient_Txn() {
	ctx := context.Background()
	c, err := conclave.Dial(ctx, endpoints)
	if err != nil {
		log.Fatal(err)
	}
	defer c.Close()
	defer c.Delete(ctx, "example/owner")

	for _, owner := range []string{"ann", "bob"} {
		res, err := c.Txn().
			If(conclave.CreateRevision("example/owner").Equal(0)).
			Then(conclave.OpPut("example/owner", owner)).
			Else(conclave.OpGet("example/owner")).
			Commit(ctx)
		if err != nil {
			log.Fatal(err)
		}
		if res.Succeeded {
			fmt.Println(owner, "owns it")
		} else {
			fmt.Println(owner, "finds that it is owned by", res.Results[0].Range.KVs[0])
		}
	}
	// Output:
	// ann owns it
	// bob finds that it is owned by ann
}
