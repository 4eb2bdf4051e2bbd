package conclave_test

import (
	"context"
	"fmt"
	"log"

	conclave "github.com/conclavehq/conclave/sdk"
)

// An instance is registered for as long as its session lives; watchers get the
// new whole with each change.
func ExampleClient_WatchInstances() {
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
	api, err := s.Register(ctx, conclave.Instance{Service: "example/api", ID: "api-1", Address: "10.0.0.1:80"})
	if err != nil {
		log.Fatal(err)
	}

	for update, err := range c.WatchInstances(ctx, "example/api") {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Print("there are:")
		for _, i := range update.Instances {
			fmt.Printf(" %s (%v)", i.Address, i.Status)
			switch i.Status {
			case conclave.Serving:
				err = api.Drain(ctx)
			case conclave.Draining:
				err = api.Deregister(ctx)
			}
		}
		fmt.Println()
		if err != nil {
			log.Fatal(err)
		}
		if len(update.Instances) == 0 {
			break
		}
	}
	// Output:
	// there are: 10.0.0.1:80 (serving)
	// there are: 10.0.0.1:80 (draining)
	// there are:
}
