// Package cluster gives an example its Conclave: the cluster at the endpoints
// that it was told, or a node of its own that lives as long as the example.
package cluster

import (
	"context"
	"fmt"
	"log"
	"os"
	"strings"
	"time"

	"github.com/conclavehq/conclave/embed"
	conclave "github.com/conclavehq/conclave/sdk"
)

// patience is how long a cluster may take to answer at first.
const patience = 5 * time.Second

// Connect dials endpoints, a list of URLs with commas between them, and fails
// when nobody answers there. When the list is empty, Connect starts a node in a
// temporary directory first. The caller calls leave, which closes the client and
// ends the node.
func Connect(ctx context.Context, endpoints string, out *log.Logger) (client *conclave.Client, leave func(), err error) {
	stop := func() {}
	urls := strings.Split(endpoints, ",")
	if endpoints == "" {
		if urls, stop, err = ownNode(ctx); err != nil {
			return nil, nil, err
		}
		out.Printf("no -endpoints given: started a node at %s", urls[0])
	}
	if client, err = conclave.Dial(ctx, urls); err != nil {
		stop()
		return nil, nil, err
	}
	leave = func() {
		_ = client.Close()
		stop()
	}
	// A client waits for a cluster that is away for as long as its caller does.
	// A program that has just been started had better say so.
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	if _, _, err = client.Members(ctx); err != nil {
		leave()
		return nil, nil, fmt.Errorf("no cluster at %s: %w", strings.Join(urls, ","), err)
	}
	return client, leave, nil
}

func ownNode(ctx context.Context) (urls []string, stop func(), err error) {
	dir, err := os.MkdirTemp("", "conclave-example-")
	if err != nil {
		return nil, nil, err
	}
	node, err := embed.Start(ctx, embed.Config{Dir: dir})
	if err != nil {
		_ = os.RemoveAll(dir)
		return nil, nil, fmt.Errorf("start a node of its own: %w", err)
	}
	return node.Endpoints(), func() {
		_ = node.Stop() // its data goes away in any case
		_ = os.RemoveAll(dir)
	}, nil
}

// Close closes a session, also when ctx is over by Ctrl-C: what the session
// holds is then free at once, and not only after its TTL.
func Close(ctx context.Context, s *conclave.Session) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.TTL())
	defer cancel()
	_ = s.Close(ctx) // nobody needs it any more; the TTL frees the rest
}
