package main

import (
	"context"
	"io"
	"log"
	"net/http"
	"slices"
	"sync"
	"time"

	conclave "github.com/conclavehq/conclave/sdk"
)

// caller calls the instances that serve, one after the other.
type caller struct {
	client *conclave.Client
	every  time.Duration
	out    *log.Logger

	mu      sync.Mutex // protects serving
	serving []conclave.Instance
}

// follow keeps up with the registry: the first update has all instances, each
// further one tells what has changed.
func (c *caller) follow(ctx context.Context) error {
	for update, err := range c.client.WatchInstances(ctx, service) {
		if err != nil {
			return err
		}
		for _, change := range update.Changes {
			in := change.Instance
			if change.Removed {
				c.out.Printf("client: %s is gone: %s", in.ID, change.Cause)
			} else {
				c.out.Printf("client: %s is %s at %s", in.ID, in.Status, in.Address)
			}
		}
		c.mu.Lock()
		c.serving = slices.DeleteFunc(update.Instances, func(in conclave.Instance) bool {
			return in.Status != conclave.Serving
		})
		c.mu.Unlock()
	}
	return nil
}

// call makes a call from time to time. An instance that is dead does not answer
// until the registry forgets it, which takes no longer than its TTL.
func (c *caller) call(ctx context.Context) error {
	ticker := time.NewTicker(c.every)
	defer ticker.Stop()
	for turn := 0; ; turn++ {
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return nil
		}
		c.mu.Lock()
		serving := c.serving
		c.mu.Unlock()
		if len(serving) == 0 {
			c.out.Print("client: nobody serves")
			continue
		}
		in := serving[turn%len(serving)]
		if answer, err := get(ctx, "http://"+in.Address); err != nil {
			c.out.Printf("client: %s does not answer: %v", in.ID, err)
		} else {
			c.out.Printf("client: %s", answer)
		}
	}
}

func get(ctx context.Context, url string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return "", err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return "", err
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	return string(body), err
}
